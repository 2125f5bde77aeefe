"""Fail unless tests of one module or folder ran: `ran.py JUNIT.xml tests.ui`."""

import sys
from xml.etree import ElementTree


def main(report: str, prefix: str) -> str | None:
    """A complaint if no test below `prefix` was executed."""
    cases = [
        case
        for case in ElementTree.parse(report).iter("testcase")
        if prefix in f"{case.get('classname')}."
    ]
    ran = [case for case in cases if case.find("skipped") is None]
    return None if ran else f"ci: of {len(cases)} tests in {prefix}, none ran"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
