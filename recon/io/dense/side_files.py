"""What lies beside a scan: the DigitalMicrograph image that was recorded along with it.

A 4D Camera writes events alone; its microscope's images are `.dm4` files of the same name, of the
same number, or `scan.dm4`. What the scan's own file says counts, and what contradicts it is told.
"""

import re
import stat
from dataclasses import replace
from pathlib import Path

from recon.errors import UnreadableFile
from recon.io.dense import digitalmicrograph
from recon.io.metadata import known_metadata

LARGEST = 1 << 30
"""Bytes of a side file."""
AGREEMENT = 0.01
"""Of a value, by which two files may differ without a word."""

WORDS = {
    "energy": ("a beam energy", 1e-3, "keV"),
    "semiangle_cutoff": ("a semi-angle", 1.0, "mrad"),
    "camera_length": ("a camera length", 1.0, "m"),
    "dwell_time": ("a dwell time", 1e6, "µs"),
    "scan_sampling": ("a scan step", 1.0, "Å"),
}


def with_side_file(scan, path):
    """The scan, with what a side file says of it beside what its own file says.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
        As its own file gives it.
    path : Path
        Of that file.

    Returns
    -------
    ElectronEvents or DenseFrames
        Each entry of the metadata that came from beside has its origin under `origins`; doubts
        are among the notes. A side file that cannot be read is a doubt, not an error.
    """
    path = Path(path)
    beside = side_file(path)
    if beside is None:
        return scan
    try:
        said, shape = _read(beside)
    except (UnreadableFile, OSError) as error:
        doubt = f"{beside.name} beside the scan was not used: {str(error).rstrip('.')}."
        return _changed(scan, scan.metadata, (doubt,))
    doubts = []
    if shape and not _same_scan(shape, scan):
        doubts.append(
            f"{beside.name} shows {shape[0]} × {shape[1]} positions, the scan has "
            "{} × {}: the step is not taken from it.".format(*scan.scan_shape)
        )
        said.pop("scan_sampling", None)
    known = known_metadata({name: value for name, (value, _) in said.items()})
    own = {name for name in known if name in scan.metadata}
    doubts += filter(None, (_differs(n, known[n], scan.metadata[n], beside) for n in sorted(own)))
    taken = {name: value for name, value in known.items() if name not in own}
    origins = dict(scan.metadata.get("origins") or {})
    origins |= {name: said[name][1] for name in taken}
    metadata = scan.metadata | taken | ({"origins": origins} if origins else {})
    return _changed(scan, metadata, tuple(doubts))


def side_file(path: Path) -> Path | None:
    """The DigitalMicrograph file that belongs to a scan; None if there is none.

    Of the same name, or named after the number in a name with `scan12` in it, or `scan.dm4`. A
    link is none, wherever it leads: a server opens nothing that lies elsewhere.
    """
    if path.suffix.lower() in digitalmicrograph.SUFFIXES or path.is_dir():
        return None
    stems = [path.stem]
    if number := re.search(r"scan_?0*(\d+)", path.stem, re.IGNORECASE):
        stems += [f"scan{number[1]}", f"scan_{number[1]}"]
    for stem in (*stems, "scan"):
        for suffix in digitalmicrograph.SUFFIXES[::-1]:
            beside = path.with_name(stem + suffix)
            try:
                if stat.S_ISREG(beside.lstat().st_mode):
                    return beside
            except OSError:
                continue
    return None


def _read(beside):
    """Entries, and the scan shape of its largest image."""
    with open(beside, "rb") as file:
        if not digitalmicrograph.is_dm(file.read(24), beside):
            raise UnreadableFile("it is no DigitalMicrograph file")
    if beside.stat().st_size > LARGEST:
        raise UnreadableFile(f"it has more than {LARGEST >> 20} MB, so it is no image of the scan")
    plane = [i for i in digitalmicrograph.images(beside) if len(digitalmicrograph.shape_of(i)) == 2]
    if not plane:
        raise UnreadableFile("it holds no image")

    def size(image):
        height, width = digitalmicrograph.shape_of(image)
        return height * width

    image = max(plane, key=size)
    return digitalmicrograph.said_by(image, beside.name, (0, 1)), digitalmicrograph.shape_of(image)


def _same_scan(shape, scan):
    """Whether an image has a scan's positions; a dropped flyback column may be in it."""
    height, width = scan.scan_shape
    return shape in ((height, width), (height, width + (scan.source.flyback == "dropped")))


def _differs(name, theirs, ours, beside):
    if name not in WORDS:
        return None
    pairs = zip(*((v if isinstance(v, tuple) else (v,)) for v in (theirs, ours)), strict=True)
    if all(abs(a - b) <= AGREEMENT * abs(b) for a, b in pairs):
        return None
    words, factor, unit = WORDS[name]

    def text(value):
        values = value if isinstance(value, tuple) else (value,)
        return " × ".join(f"{factor * v:.4g}" for v in values)

    return (
        f"{beside.name} states {words} of {text(theirs)} {unit}, the scan's own file "
        f"{text(ours)} {unit}, which is taken."
    )


def _changed(scan, metadata, doubts):
    source = replace(scan.source, notes=(*scan.source.notes, *doubts))
    return replace(scan, metadata=metadata, source=source)
