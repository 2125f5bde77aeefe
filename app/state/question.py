"""What a file leaves open about its scan, and what has been answered."""

from dataclasses import dataclass

from app.state.request import Reading
from recon.errors import ArrayUnknown, ScanUnknown

FIELDS = ("scan_rows", "scan_columns", "dwell_us", "trigger", "array")
"""Parameters of `app.state.experiment.ScanState` that answer."""

NO_TRIGGER = "none"


@dataclass(frozen=True)
class Question:
    """What has to be entered before a file can be read."""

    sentence: str
    """What is wanted, with the numbers of the file."""
    shapes: tuple[tuple[int, int], ...] = ()
    """(rows, columns) that would fit, the likeliest first."""
    timed: bool = False
    """Whether the time at each position is wanted as well."""
    arrays: tuple[tuple[str, str], ...] = ()
    """(name, size in words) of the arrays to choose from; empty where that is not the question."""


def question_of(error: BaseException | None) -> Question | None:
    """The question that a refusal asks; None for any other error."""
    said = error
    while error is not None and not isinstance(error, ArrayUnknown | ScanUnknown):
        error = error.__cause__
    if isinstance(error, ArrayUnknown):
        return Question(str(said), arrays=error.arrays)
    return None if error is None else Question(str(said), error.shapes, error.timed)


def reading_of(scan) -> Reading:
    """What is to be read, as a `ScanState` says it; half a shape is none."""
    shape = (scan.scan_rows, scan.scan_columns)
    return Reading(
        scan.dataset,
        scan.keep_flyback,
        None if None in shape else shape,
        None if scan.dwell_us is None else scan.dwell_us * 1e-6,
        None if scan.trigger == NO_TRIGGER else scan.trigger,
        scan.array or None,
    )


def show(scan, reading: Reading) -> None:
    """Set a `ScanState` to what was read."""
    rows, columns = reading.scan_shape or (None, None)
    scan.param.update(
        dataset=reading.dataset,
        keep_flyback=reading.keep_flyback,
        scan_rows=rows,
        scan_columns=columns,
        dwell_us=None if reading.dwell_time is None else float(f"{reading.dwell_time * 1e6:.12g}"),
        trigger=reading.trigger or NO_TRIGGER,
        array=reading.array or "",
    )


def forget(scan) -> None:
    """Answer nothing: another file has questions of its own."""
    scan.param.update(**{name: scan.param[name].default for name in FIELDS})
