"""When each scan position was lit, from the dwell time and the triggers of a recording."""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from recon.errors import ScanUnknown, UnreadableFile

OPTIONS = {
    "dwell_time": "time at each scan position [s]",
    "flyback_time": "time between two lines [s], where no trigger marks them",
    "trigger": "edge that marks the scan: tdc1 rising, tdc1 falling, tdc2 rising or tdc2 falling",
    "trigger_marks": "what begins at each trigger: a line (unless told), a scan or a position",
    "start_time": "time from the mark to the first position after it [s]",
    "repeat": "whether what follows a scan is the same scan again, to be summed",
}
TICK = 25e-9 / 96
"""Finest unit of a trigger's time [s]."""
FOREVER = float(1 << 62)
MARKS = ("line", "scan", "position")


@dataclass(frozen=True, eq=False)
class Timing:
    """The time of each scan position; times are in units of 25/96 ns.

    Parameters
    ----------
    shape : (Sy, Sx)
        Scan positions.
    marks : (M,) int64 array
        Ascending times at which a line, the scan or a position begins.
    delay : int
        From a mark to its first position.
    lines : int
        Lines after each mark.
    width : int
        Positions of a line after a mark.
    line_time, dwell : float
        From one line to the next, and at each position.
    repeat : bool
        Whether the scan begins anew after its last position.
    """

    shape: tuple[int, int]
    marks: np.ndarray
    delay: int
    lines: int
    width: int
    line_time: float
    dwell: float
    repeat: bool

    def arguments(self):
        """What `recon.kernels.decode.clusters.positions` wants to know."""
        size = self.shape[0] * self.shape[1]
        return (
            self.marks,
            self.delay,
            self.lines,
            self.width,
            self.line_time,
            self.dwell,
            size,
            self.repeat,
        )

    @property
    def scans(self) -> int:
        """How often the scan was repeated, as far as marks tell."""
        size = self.shape[0] * self.shape[1]
        marked = self.marks.size * min(self.lines, self.shape[0]) * self.width
        return max(1, -(-marked // size)) if self.repeat else 1


def timing_of(scan_shape, options, triggers, start, duration) -> tuple[Timing, tuple[str, ...]]:
    """Timing from what was asked for, and sentences of doubt.

    Parameters
    ----------
    scan_shape : (Sy, Sx) or None
        Scan positions.
    options : dict
        Of the names in `OPTIONS`.
    triggers : dict of str to (T,) int64 array
        Ascending times of the edges in the file, by the names that `trigger` takes.
    start : (int, str)
        When the scan begins if no trigger says so, and what that is.
    duration : int
        From the first hit to the last.

    Raises
    ------
    UnreadableFile
        If something is missing (the sentence then asks, with the numbers of the recording) or
        contradicts the recording.
    """
    dwell = _seconds(options, "dwell_time", positive=True)
    flyback = _seconds(options, "flyback_time")
    delay = round((_seconds(options, "start_time", negative=True) or 0) / TICK)
    repeat = options.get("repeat", False)
    if repeat not in (True, False):
        raise UnreadableFile(f"repeat is yes or no, not {str(repeat)[:40]}")
    name, what = options.get("trigger"), options.get("trigger_marks")
    if what is not None and name is None:
        raise UnreadableFile("what the triggers mark was given, but not which trigger")
    if name is not None and (name not in triggers or not triggers[name].size):
        raise UnreadableFile(f"there is no trigger {str(name)[:40]} in the file{_seen(triggers)}")
    what = what or "line"
    if what not in MARKS:
        raise UnreadableFile(f"a trigger marks a {', '.join(MARKS)}, not {str(what)[:40]}")
    if scan_shape is None or (dwell is None and (name is None or what != "position")):
        raise ScanUnknown(_question(scan_shape, name, triggers, duration), timed=True)
    height, width = scan_shape
    if name is None:
        marks = np.array([start[0]], np.int64)
        lines = (1 << 40) if repeat else height
        line_time = width * dwell + (flyback or 0)
        notes = (f"No trigger marks the beginning of the scan: it is taken for {start[1]}.",)
    else:
        marks = triggers[name]
        lines = {"line": 1, "scan": height, "position": 1}[what]
        line_time = width * (dwell or 0) + (flyback or 0) if what == "scan" else FOREVER
        notes = _compared(what, marks.size, height, width, name, repeat)
        if what == "position":
            width, dwell = 1, FOREVER
    return (
        Timing((height, scan_shape[1]), marks, delay, lines, width, line_time, dwell, bool(repeat)),
        notes,
    )


def metadata_of(options) -> dict:
    """What was asked for that belongs to the experiment."""
    dwell = options.get("dwell_time")
    return {} if dwell is None else {"dwell_time": float(dwell)}


def _seconds(options, name, positive=False, negative=False):
    """An option in units of 25/96 ns; the start in seconds; None where it was not given."""
    value = options.get(name)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    good = isfinite(number) and abs(number) < 1e6 and (negative or number >= 0)
    if not good or (positive and number < TICK):
        kind = "a positive number" if positive else "a number"
        raise UnreadableFile(f"{name} must be {kind} of seconds, not {str(value)[:40]}")
    return number if negative else number / TICK


def _seen(triggers):
    counts = [f"{times.size} of {name}" for name, times in triggers.items() if times.size]
    return f" (it has {', '.join(counts)})" if counts else ", nor any other"


def _question(scan_shape, name, triggers, duration):
    """What to give, with what the recording says of it."""
    lasts = f"the recording lasts {duration * TICK:.4g} s{_seen(triggers).replace(' (it', ' (and')}"
    lasts = lasts.replace(", nor any other", " and holds no triggers")
    if name is not None and triggers[name].size > 1:
        apart = float(np.median(np.diff(triggers[name]))) * TICK
        lasts += f", {apart:.4g} s from one {name} to the next"
    if scan_shape is None:
        return (
            f"{lasts}; it does not say how the scan was timed: give the scan shape "
            "(rows, columns), and dwell_time or trigger"
        )
    height, width = scan_shape
    share = duration * TICK / (height * width)
    if name is not None and triggers[name].size > 1:
        share = apart / width
    return (
        f"{lasts}; at {height} × {width} positions that is at most {share:.4g} s each: "
        "give the dwell_time [s]"
    )


def _compared(what, number, height, width, name, repeat):
    """Sentences where the number of triggers contradicts the scan."""
    wanted = {"line": height, "scan": 1, "position": height * width}[what]
    if number < wanted:
        return (
            f"There are {number} triggers ({name}) for {wanted} {what}s: "
            "the rest of the scan is empty.",
        )
    if repeat and number % wanted:
        return (f"{number} triggers ({name}) are no whole number of scans of {wanted} {what}s.",)
    if not repeat and number > wanted:
        return (
            f"There are {number} triggers ({name}), but {wanted} {what}s in the scan: what follows "
            "is left out (repeat sums it).",
        )
    return ()
