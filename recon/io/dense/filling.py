"""Frames in a file against the scan that the file speaks of: whole rows, and what is left out."""

import numpy as np

from recon.errors import ScanUnknown
from recon.io.scanning import candidates, fill, pair


class First:
    """The first frames of a stack."""

    def __init__(self, stored, number):
        self.stored, self.dtype = stored, stored.dtype
        self.shape = (number, *stored.shape[1:])

    def __getitem__(self, index):
        return self.stored[index]


class Selected:
    """Frames of a stack, picked one by one.

    Parameters
    ----------
    stored : (F, Ky, Kx) array
        Sliced along its first dimension.
    index : (N,) int array
        Which frame is taken in which place; below zero where there is none, and it reads zero.
    """

    def __init__(self, stored, index):
        self.stored, self.index, self.dtype = stored, np.asarray(index, np.int64), stored.dtype
        self.shape = (self.index.size, *stored.shape[1:])

    def __getitem__(self, index):
        wanted = self.index[index]
        frames = np.zeros((wanted.size, *self.shape[1:]), self.dtype)
        # The first frame, number 0, does not go on from a place that has none, -1.
        breaks = np.flatnonzero((np.diff(wanted) != 1) | (wanted[:-1] < 0)) + 1
        for places in np.split(np.arange(wanted.size), breaks):
            if places.size and wanted[places[0]] >= 0:
                first = int(wanted[places[0]])
                frames[places] = self.stored[first : first + places.size]
        return frames


def arranged(frames: int, asked=None, stated=None, by: str = "the file"):
    """The scan that a number of frames makes, and what that leaves out, in sentences.

    A scan that was stopped keeps its whole rows. Frames beyond the last position are left out if
    they are less than a row; they may also be one more in each row, and that is asked.

    Parameters
    ----------
    frames : int
        In the file: counted, not believed.
    asked, stated : (Sy, Sx), optional
        Scan positions that were asked for, and those that the file speaks of.
    by : str
        Where they stand.

    Returns
    -------
    scan_shape : (Sy, Sx)
        No larger than the frames.
    notes : tuple of str

    Raises
    ------
    ScanUnknown
        If nothing tells the shape, or the frames contradict it.
    UnreadableFile
        If there are no frames, or what was asked for is no shape.
    """
    asked = None if asked is None else pair(asked, "scan")
    stated = None if stated is None else (int(stated[0]), int(stated[1]))
    if frames < 1 or (asked is None and stated is None):
        return fill(frames), ()
    height, width = stated if asked is None else asked
    scan, size = f"{height} × {width} positions ({height * width})", height * width
    rows = min(height, frames // width)
    left = frames - rows * width
    sure = asked is None or asked == stated
    if frames == size:
        return (height, width), ()
    if frames < size and sure and rows:
        rest = f", {_frames(left, ' of an unfinished row')} left out" if left else ""
        whole = "1 whole row is" if rows == 1 else f"{rows} whole rows are"
        return (rows, width), (
            f"The file holds {frames} frames, {by} speaks of {scan}: {whole} taken{rest}.",
        )
    # What was asked for is meant; what a file states is not, where longer rows fit as well.
    less = left < width and (asked is not None or frames % height)
    if frames > size and (less or asked == stated):
        return (height, width), (
            f"The file holds {frames} frames for {scan}: {_last(frames - size)} left out."
            + _longer(frames, height),
        )
    if asked is not None:
        shapes = candidates(frames) + ([(rows, width)] if 0 < rows < height else [])
        shapes = list(dict.fromkeys(shapes))
        raise ScanUnknown(
            f"{frames} frames do not fill a scan of {scan}: is it {_offered(shapes)}?", shapes
        )
    if frames > size:
        longer = [(height, frames // height)] if frames % height == 0 else []
        shapes = list(dict.fromkeys([*longer, (frames // width, width), (height, width)]))
    else:
        shapes = candidates(frames)
    raise ScanUnknown(
        f"the file holds {frames} frames, {by} speaks of {scan}: is it {_offered(shapes)}? "
        "Give the scan shape as (rows, columns).",
        shapes,
    )


def _frames(number, more=""):
    return f"1 frame{more} is" if number == 1 else f"{number} frames{more} are"


def _last(number):
    return "the last one is" if number == 1 else f"the last {number} are"


def _offered(shapes):
    return " or ".join(f"{height} × {width}" for height, width in shapes)


def _longer(frames, height):
    """What else frames that fill longer rows may be."""
    if frames % height:
        return ""
    return (
        f" They also fill {height} × {frames // height}: was there more than one frame for each "
        "position, or one more at the end of each row?"
    )
