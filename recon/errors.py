"""What can go wrong, one class for each decision a caller has to make.

Exception
├── Cancelled            the user stopped the work: nothing to report
└── ValueError           the numbers do not add up: show the sentence
    ├── UnreadableFile   a file is not what it should be: keep the previous data
    ├── DiscNotFound     no bright-field disc in the pattern: ask for its centre and radius
    └── Unfitted         the scan does not determine what was to be fitted: change nothing
"""


class Cancelled(Exception):
    """The work was stopped on request; raised out of a `progress` callback."""


class UnreadableFile(ValueError):
    """A file cannot be opened as electron events; the message says why and what to do."""


class DiscNotFound(ValueError):
    """The pattern holds no bright-field disc that could be fitted."""


class Unfitted(ValueError):
    """The scan does not hold what a fit needs; nothing may be changed."""
