"""What can go wrong, one class for each decision a caller has to make.

Exception
├── Cancelled            the user stopped the work: nothing to report
└── ValueError           the numbers do not add up: show the sentence
    ├── UnreadableFile   a file is not what it should be: keep the previous data
    │   ├── ScanUnknown  it does not say how the scan was made: ask
     │   ├── ArrayUnknown it holds several arrays that may be the scan: ask
     │   └── Changed      it was rewritten while it was open: open it again
    ├── DiscNotFound     no bright-field disc in the pattern: ask for its centre and radius
    └── Unfitted         the scan does not determine what was to be fitted: change nothing
"""


class Cancelled(Exception):
    """The work was stopped on request; raised out of a `progress` callback."""


class UnreadableFile(ValueError):
    """A file cannot be opened as electron events; the message says why and what to do."""


class ScanUnknown(UnreadableFile):
    """A file does not say how its scan was made; the message is a question.

    Parameters
    ----------
    message : str
    shapes : sequence of (Sy, Sx)
        Scan shapes that fit, the likeliest first.
    timed : bool
        Whether the time at each position is wanted as well.
    """

    def __init__(self, message: str, shapes=(), timed: bool = False):
        super().__init__(message)
        self.shapes = tuple(tuple(shape) for shape in shapes)
        self.timed = timed


class ArrayUnknown(UnreadableFile):
    """A file holds several arrays that may be the scan; the message is a question.

    Parameters
    ----------
    message : str
    arrays : sequence of (name, words)
        Of each array, the name that the reader's option `dataset` takes, and its size in words.
    """

    def __init__(self, message: str, arrays=()):
        super().__init__(message)
        self.arrays = tuple((str(name), str(words)) for name, words in arrays)


class Changed(UnreadableFile):
    """A file was rewritten or removed while it was open; the message names it."""


class DiscNotFound(ValueError):
    """The pattern holds no bright-field disc that could be fitted."""


class Unfitted(ValueError):
    """The scan does not hold what a fit needs; nothing may be changed."""
