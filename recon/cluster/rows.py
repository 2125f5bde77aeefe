"""Some rows of a scan, of a file of which others are not read where the format lets that be."""

from dataclasses import replace
from pathlib import Path

from recon.io import open_scan
from recon.io.dense.side_files import with_side_file
from recon.io.events import csr_npz
from recon.io.files.unchanged import Unchanged
from recon.io.scanning import pair
from recon.readers import reader_of
from recon.scan.kinds import ScanData, by_kind
from recon.treatment.crop_frames import crop_scan


def open_rows(path, rows: tuple[int, int], **options) -> ScanData:
    """The scan positions rows[0] <= y < rows[1] of a file, as a scan of their own.

    Frames are read when they are needed, and event NPZ row by row; other files of events are read
    whole, and the rest is let go.

    Parameters
    ----------
    path : path-like
    rows : (int, int)
    **options
        As for `recon.io.open_scan`.

    Raises
    ------
    UnreadableFile
        As `recon.io.open_scan`.
    ValueError
        If the scan has no such rows.
    """
    path = Path(path)
    if reader_of(path)[0] is None and csr_npz.holds_events(path):
        shape, keep = options.pop("scan_shape", None), options.pop("keep_flyback", None)
        with Unchanged(path):
            events = csr_npz.read(
                path,
                scan_shape=None if shape is None else pair(shape, "scan"),
                keep_flyback=keep,
                progress=lambda fraction: None,
                rows=rows,
            )
        events = with_side_file(events, path)
        events.check_pixels()
        return events
    return rows_of(open_scan(path, **options), rows)


def rows_of(scan: ScanData, rows: tuple[int, int]) -> ScanData:
    """Whole rows of a scan: of events a view, of frames what will be read.

    Raises
    ------
    ValueError
        If the scan has no such rows.
    """
    begin, end = rows
    height, width = scan.scan_shape
    if not 0 <= begin < end <= height:
        raise ValueError(f"Rows {begin} to {end} are not in a scan of {height} rows.")
    return by_kind(scan, _rows_of_events, crop_scan)(scan, rows, (0, width))


def _rows_of_events(scan, rows, columns):
    (begin, end), (_, width) = rows, columns
    offsets = scan.offsets[begin * width : end * width + 1]
    electrons = slice(int(offsets[0]), int(offsets[-1]))
    subpixel = None if scan.subpixel is None else scan.subpixel[electrons]
    return replace(
        scan,
        pixels=scan.pixels[electrons],
        offsets=offsets - offsets[0],
        subpixel=subpixel,
        scan_shape=(end - begin, width),
    )
