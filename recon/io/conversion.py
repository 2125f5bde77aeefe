"""A scan from one file into another, checked.

A conversion that was interrupted leaves what was there before, and starts anew; into raw CSR it can
go on where it was (`recon.io.resumable`), because those files grow at their end, frame by frame.
The others cannot: HDF5's rows lie in a heap whose references stand before them, and an archive's
table of contents is written last, so that half of a file is none.
"""

from pathlib import Path

from recon.io import losses, open_events
from recon.io.checksum import checksum, places_checksum
from recon.io.events import libertem_csr
from recon.scan.kinds import ScanData, by_kind


def stated_losses(path, scan: ScanData) -> tuple[str, ...]:
    """What a file of this name will not hold of the file that a scan came from, in sentences."""
    return by_kind(scan, _losses_of_events, lambda path, frames: ())(path, scan)


def _losses_of_events(path, events) -> tuple[str, ...]:
    source, found = events.source, []
    if source.flyback == "dropped":
        found.append("The flyback column is left out.")
    if source.frames_per_position > 1:
        found.append(
            f"The {source.frames_per_position} frames at a position become one, with the "
            "electrons of all."
        )
    if source.format.startswith("Timepix3"):
        found.append("The times of hits, and how long they were over threshold, are not kept.")
    return (*found, *losses(path, events))


def verify(path, electrons: str, places: str | None, progress=None) -> None:
    """Read a file that was just written, and remove it if it is not what it should be.

    Parameters
    ----------
    path : path-like
        As `recon.io.write_events` wrote it.
    electrons, places : str, str or None
        `checksum` and `places_checksum` of what was written. The events themselves need not be in
        memory any more, so that those read now have room.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`, and the file stays.

    Raises
    ------
    OSError
        With one sentence for the user if the file holds something else, or cannot be read.
    """
    path = Path(path)
    try:
        events = open_events(path, progress=progress)
        found = checksum(events), places_checksum(events)
        if found == (electrons, places):
            return
        reason = f"its electrons have the checksum {found[0]}, not {electrons}"
        if found[0] == electrons:
            reason = f"the places of its electrons have the checksum {found[1]}, not {places}"
    except ValueError as error:
        if isinstance(error.__cause__, MemoryError):
            raise OSError(
                f"{path.name} was written, but there is not enough memory to check it."
            ) from error
        reason = str(error).rstrip(".")
    sides = libertem_csr.own_files(path) if path.suffix.lower() in libertem_csr.SUFFIXES else []
    for written in (path, *sides):
        written.unlink(missing_ok=True)
    raise OSError(
        f"{path.name} was removed, because it did not hold what was written ({reason}): "
        "write it again, to another disk."
    )
