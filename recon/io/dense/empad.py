"""EMPAD: raw frames of 130 × 128 float32 (two rows are no image), described by an `.xml` beside."""

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from recon.errors import UnreadableFile
from recon.io.dense.arrays import Array, step
from recon.io.dense.records import Records

NAME = "EMPAD"
ROWS, COLUMNS = 128, 128
STORED = 130
FRAME = STORED * COLUMNS * 4
RECORD = np.dtype([("frame", "<f4", (ROWS, COLUMNS)), ("after", "<f4", (STORED - ROWS, COLUMNS))])
LARGEST_XML = 1 << 24
ENTRIES = {
    "energy": ("source.get_voltage", "high_voltage"),
    "camera_length": ("optics.get_cameralength", "nominal_camera_length"),
}
"""Entry: its tag in the description, in volts or metres, of older and newer software."""


def matches(path: Path) -> bool:
    """Whether a file is EMPAD's description, or the raw frames beside one."""
    return _description(path) is not None


def hint(path: Path) -> str | None:
    """A sentence for frames without their description, or one whose frames are of another name."""
    size = path.stat().st_size
    if path.suffix.lower() != ".raw" or size < FRAME or size % FRAME:
        return None
    return (
        f"it may be EMPAD's frames ({size // FRAME} of {STORED} × {COLUMNS} float32), which are "
        "described by an .xml file: put that beside it, with its file name as recorded"
    )


def _description(path):
    """The description that belongs to a file: itself, or one beside it that names it."""
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        if file.read(256).lstrip().startswith(b"<"):
            return path if _names(path) else None
    size = path.stat().st_size
    if path.suffix.lower() != ".raw" or size < FRAME:
        return None
    for other in sorted(path.parent.glob("*.xml")):
        if _names(other) == path.name:
            return other
    return None


def _names(path):
    """File name of the raw frames that a description names; None if it is no description."""
    try:
        named = _parsed(path).find("raw_file")
    except (OSError, UnreadableFile):
        return None
    return None if named is None else Path(named.get("filename", "").replace("\\", "/")).name


def _parsed(path):
    if path.stat().st_size > LARGEST_XML:
        raise UnreadableFile("the description is too long to be one")
    try:
        return ElementTree.fromstring(path.read_bytes())
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UnreadableFile(f"the description is damaged (XML says: {error})") from error


def read(path: Path, asked=None) -> Array:
    """The frames, without the two rows that are no image."""
    description = _description(path)
    if description is None:
        raise UnreadableFile("no .xml file beside it describes it")
    root = _parsed(description)
    raw = description.parent / _names(description)
    if not raw.is_file():
        raise UnreadableFile(f"its frames, {raw.name}, are not beside it")
    records = Records([(raw, 0)], RECORD)
    frames = records.shape[0]
    if frames < 1:
        raise UnreadableFile(
            f"{raw.name} has {raw.stat().st_size} bytes, less than a frame of {FRAME}: it is cut "
            "off or still being written"
        )
    shape = _stated(root, raw, frames)
    said = _said(root, shape, description.name)
    return Array(
        records,
        path.name,
        NAME,
        said,
        shape,
        description.name,
        beside=(description,),
        notes=records.cut(),
    )


def _stated(root, raw, frames):
    """The scan shape that the description or the name of the frames' file states, or None.

    Of several that contradict each other, that which the frames fill: older software writes a
    resolution that is not the scan's, newer none but that.
    """
    named = re.search(r"_x(\d+)_y(\d+)", raw.stem)
    acquire = "scan_parameters[@mode='acquire']/scan_resolution"
    stated = [
        (_whole(root, "pix_y"), _whole(root, "pix_x")),
        (int(named[2]), int(named[1])) if named else (None, None),
        (_whole(root, f"{acquire}_y"), _whole(root, f"{acquire}_x")),
    ]
    stated = [shape for shape in stated if all(shape)]
    filled = [shape for shape in stated if shape[0] * shape[1] == frames]
    return next(iter(filled + stated), None)


def _said(root, shape, name):
    said = {}
    for entry, tags in ENTRIES.items():
        for tag in tags:
            if value := _number(root, f"iom_measurements/{tag}"):
                said.setdefault(entry, (value, f"{name}: {tag}"))
    exposure = _number(root, "exposure_time")
    if exposure:
        said["dwell_time"] = (exposure * 1e-3, f"{name}: exposure_time")
    field = root.findtext("iom_measurements/optics.get_full_scan_field_of_view")
    newer = [_part_of_field(root, part) for part in ("x", "scale_factor")]
    if all(newer) and shape and not field:
        # Of the larger side of the scan, and times a factor too much, as RosettaSciIO has it.
        size = newer[0] / newer[1] / max(shape)
        said |= step(size, size, "m", f"{name}: full_scan_field_of_view")
    if field and shape:
        try:
            y, x = ast.literal_eval(field.strip())
            said |= step(y / shape[0], x / shape[1], "m", f"{name}: get_full_scan_field_of_view")
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            pass
    return said


def _part_of_field(root, part):
    """A number of the field of view as newer software writes it; None if there is none."""
    path = "iom_measurements/full_scan_field_of_view"
    return _number(root, f"{path}/{part}") or _number(root, f"{path}.{part}")


def _number(root, path):
    try:
        return float(root.findtext(path))
    except (TypeError, ValueError):
        return None


def _whole(root, path):
    value = _number(root, path)
    return int(value) if value and value == value // 1 and 0 < value < 1 << 20 else None
