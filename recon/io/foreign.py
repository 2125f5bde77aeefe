"""Scans through readers of others (`recon.readers`), as if they were read here."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from recon.errors import Cancelled, Changed, UnreadableFile
from recon.io.dense.arrays import Array
from recon.io.dense.side_files import with_side_file
from recon.io.files.unchanged import Unchanged
from recon.io.files.words import sentence
from recon.io.scanning import pair, without_last_column
from recon.io.told import checked
from recon.readers import said
from recon.scan.gaps import without_gaps
from recon.scan.kinds import ScanData, by_kind, is_scan_data


def open_foreign(
    reader, path: Path, *, scan_shape=None, keep_flyback=None, progress=None, **options
) -> ScanData:
    """A scan that a reader of others takes; parameters as for `recon.io.open_scan`.

    Raises
    ------
    UnreadableFile
        Whatever the reader raises, now or when frames are read: a sentence that names it.
    """
    tell = progress or (lambda fraction: None)
    try:
        known = checked(options, reader)
        with Unchanged(path) as files:
            try:
                found = reader.read(path, **known)
                scan = _scan(found, reader, path, scan_shape)
            except (Cancelled, MemoryError):
                raise
            except Exception as error:  # whatever a reader of others raises
                raise said(reader, error) from error
        ready = by_kind(scan, partial(_events, keep_flyback), partial(_frames, reader, files, tell))
        scan = ready(scan)
        tell(1.0)
        return with_side_file(scan, path)
    except (Cancelled, Changed):
        raise
    except MemoryError as error:
        raise UnreadableFile(f"{path.name}: there is not enough memory to read it.") from error
    except (OSError, ValueError) as error:
        # A question keeps its kind, and what it offers.
        error = error if isinstance(error, UnreadableFile) else UnreadableFile(str(error))
        error.args = (f"{path.name}: {sentence(error)}", *error.args[1:])
        raise error from None


def _events(keep_flyback, scan):
    scan.check_pixels()
    # As in every file of one frame a position: nothing says that there is flyback.
    return without_last_column(scan) if keep_flyback is False else scan


def _frames(reader, files, tell, scan):
    return without_gaps(_guarded(scan, reader, files), tell)


def _scan(found, reader, path, asked):
    """What a reader gave, as a scan of the asked shape."""
    if not is_scan_data(found):
        array, metadata = found if isinstance(found, tuple) else (found, {})
        if not hasattr(array, "shape") or not hasattr(array, "dtype"):
            raise TypeError(f"it gave a {type(array).__name__}, neither an array nor a scan")
        entries = {name: (value, f"the reader {reader.NAME}") for name, value in metadata.items()}
        return Array(array, path.name, reader.NAME, entries).frames(asked)
    source = found.source
    if source.name.endswith(" in memory") or source.name == "memory":
        found = replace(found, source=replace(source, name=path.name, format=reader.NAME))
    return found if asked is None else replace(found, scan_shape=pair(asked, "scan"))


def _guarded(frames, reader, files):
    """The same frames, which name their reader where it fails later."""
    load = frames.load

    def named(first, last):
        with files:
            try:
                return load(first, last)
            except (Cancelled, MemoryError):
                raise
            except Exception as error:  # whatever a reader of others raises
                raise said(reader, error) from error

    return replace(frames, load=named)
