"""Files that are named on a command line; and what is refused, in one sentence, before any work."""

from pathlib import Path


def scan_file(path: Path) -> Path:
    """`path` if it is a file that can be opened, or a folder, which may be a Zarr store."""
    return path if path.is_dir() else input_file(path)


def input_file(path: Path) -> Path:
    """`path` if it is a file that can be opened; else `ValueError`."""
    if not path.exists():
        raise ValueError(f"There is no file {path}.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it.")
    return path


def output_file(path: Path, *, source: Path | None = None) -> Path:
    """`path` if a file can be made there; else `ValueError`, before any work is done."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it.")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is a device, not a place for a file.")
    if not path.parent.is_dir():
        raise ValueError(f"There is no folder {path.parent} to write {path.name} in.")
    if source is not None and path.exists() and path.samefile(source):
        raise ValueError(f"Input and output are the same file, {path}: choose another output.")
    try:
        # The folder decides, because a finished file replaces what bears its name.
        with _probe(path.parent):
            pass
    except OSError as error:
        raise ValueError(f"Cannot write {path}: {error.strerror}.") from error
    return path


def report_file(path: Path, source: Path, results: Path) -> Path:
    """`output_file` for a report beside results."""
    suffix = path.suffix.lower()
    if suffix not in (".html", ".htm", ".pdf"):
        raise ValueError(f"{path} would be no report: give it a name in .html or .pdf.")
    if suffix == ".pdf":
        from app.report.pdf import required  # not for those who want none

        required()
    output_file(path, source=source)
    if path.resolve() == results.resolve():
        raise ValueError(f"Results and report are the same file, {path}: name another.")
    return path


def events_file(path: Path, *, source: Path | None = None) -> Path:
    """`output_file` for events, whose format follows from the suffix."""
    from recon.io import WRITERS

    output_file(path, source=source)
    suffixes = [suffix for writer in WRITERS for suffix in writer.SUFFIXES]
    if path.suffix.lower() not in suffixes:
        raise ValueError(
            f"{path} would be of no known format: give it a name in {', '.join(suffixes)}."
        )
    return path


def _probe(folder: Path):
    from tempfile import TemporaryFile

    return TemporaryFile(dir=folder)
