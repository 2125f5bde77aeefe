"""What DigitalMicrograph files (`.dm3`, `.dm4`) say of an experiment, from RosettaSciIO's tags.

RosettaSciIO hands the tags out unmapped, and reads as much of them as a damaged file asks for:
here they are bounded.
"""

from math import isfinite, prod
from pathlib import Path

from recon.errors import UnreadableFile
from recon.io.dense.arrays import step

SUFFIXES = (".dm3", ".dm4")

LARGEST_TAGS = 1 << 21
"""Bytes of tags that are read, a few at a time, in some seconds; an image has 10⁴ to 10⁵."""

WANTED = {
    "energy": ("Microscope Info", "Voltage", 1.0),
    "camera_length": ("Microscope Info", "STEM Camera Length", 1e-3),
    "semiangle_cutoff": ("EELS", "Convergence semi-angle (mrad)", 1.0),
    "dwell_time": ("DigiScan", "Sample Time", 1e-6),
    "scan_rotation_deg": ("DigiScan", "Rotation", 1.0),
}
"""Entry: group and name in the tags of an image, and the factor to our unit."""


def is_dm(start: bytes, path: Path) -> bool:
    """Whether a file that begins with these bytes is of the format."""
    if len(start) < 16:
        return False
    version = int.from_bytes(start[:4], "big")
    # Version, length of the file, byte order.
    order = {3: start[8:12], 4: start[12:16]}.get(version)
    return order in (b"\0\0\0\0", b"\0\0\0\1") and path.suffix.lower() in SUFFIXES


class _Bounded:
    """An open file of which only so much is read."""

    def __init__(self, file):
        self.file, self.left = file, LARGEST_TAGS
        self.seek, self.tell = file.seek, file.tell

    def read(self, size):
        # A read of nothing is a step of a loop as well.
        self.left -= max(size, 1)
        if self.left < 0 or size < 0:
            raise UnreadableFile("its tags have no end: it is damaged")
        return self.file.read(size)


def images(path: Path) -> list[dict]:
    """Tags of each image in a file, but for thumbnails.

    Raises
    ------
    UnreadableFile
        If the tags are damaged.
    """
    try:
        from rsciio.digitalmicrograph._api import DigitalMicrographReader
    except ImportError as error:
        raise UnreadableFile(
            "DigitalMicrograph's tags are read by RosettaSciIO, which lacks something here "
            f"({error})"
        ) from error

    try:
        with open(path, "rb") as file:
            reader = DigitalMicrographReader(_Bounded(file))
            reader.parse_file()
            return list(reader.get_image_dictionaries() or [])
    except (UnreadableFile, MemoryError, OSError):
        raise
    except Exception as error:
        # Damage shows under any name.
        raise UnreadableFile(
            "it looks like DigitalMicrograph, but its tags are damaged "
            f"(RosettaSciIO says: {' '.join(str(error).split())[:200]})"
        ) from error


def largest(path: Path) -> dict:
    """Tags of the largest image in a file; none if it holds no image.

    Raises
    ------
    UnreadableFile
        If the tags are damaged.
    """
    return max(images(path), key=lambda image: prod(shape_of(image)), default={})


def scan_shape(image: dict) -> tuple[tuple[int, int] | None, tuple[str, ...]]:
    """The scan shape (Sy, Sx) that tags state, or None; and sentences of doubt.

    NCEM's TitanX, Nion Swift and Gatan's own STEM each write it elsewhere.
    """
    tags = _part(image, "ImageTags")
    titan = _find(tags, "4D STEM Tags")
    size = _part(tags, "SI", "Acquisition", "Spatial Sampling")
    nion = _part(tags, "scan").get("scan_size")
    nion = list(nion.values() if isinstance(nion, dict) else nion or ())
    if shape := _shape(titan.get("Scan shape Y"), titan.get("Scan shape X")):
        return shape, (
            "This was recorded on a TitanX, whose rows may begin two positions late: what belongs "
            "at the left edge then stands at the right.",
        )
    if shape := _shape(size.get("Height (pixels)"), size.get("Width (pixels)")):
        return shape, ()
    return (_shape(*nion) if len(nion) == 2 else None), ()


def scan_is_first(image: dict, shape) -> bool | None:
    """Whether the tags of an image of four dimensions say that the scan's axes come first.

    GMS says whether it stored patterns one by one (`Data Order Swapped`), and older versions
    nothing.

    Parameters
    ----------
    image : dict
    shape : tuple of int
        Of the array.
    """
    swapped = _part(image, "ImageTags", "Meta Data").get("Data Order Swapped")
    if isinstance(swapped, bool | int | str):
        return str(swapped).lower() in ("true", "1")
    stated = scan_shape(image)[0]
    if len(shape) != 4 or shape[:2] == shape[2:] or stated not in (shape[:2], shape[2:]):
        return None
    return stated == shape[:2]


def _shape(height, width):
    numbers = height, width
    if not all(isinstance(n, int | float) and 1 <= n < 1 << 20 and n == n // 1 for n in numbers):
        return None
    return int(height), int(width)


def _find(tags, name, depth=6):
    """The group of that name, wherever it is."""
    if isinstance(tags.get(name), dict):
        return tags[name]
    for part in tags.values() if depth else ():
        if isinstance(part, dict) and (found := _find(part, name, depth - 1)):
            return found
    return {}


def said_by(image: dict, name: str, axes=()) -> dict:
    """Entries that the tags of an image hold, each with where it stands.

    Parameters
    ----------
    image : dict
        As from `images`.
    name : str
        Of the file, for the origin.
    axes : (int, int), optional
        Which of its axes, x first, are the scan's (x, y).
    """
    tags = _part(image, "ImageTags")
    tags = _part(tags, "source", "Tags at creation") or tags
    said = {}
    for entry, (group, tag, factor) in WANTED.items():
        found = _part(tags, group)
        if group == "EELS":
            found = _part(found, "Experimental Conditions") or found
        value = found.get(tag)
        if isinstance(value, int | float) and isfinite(value):
            said[entry] = (value * factor, f"{name}: {group}.{tag}")
    if axes:
        scales = list(_part(image, "ImageData", "Calibrations", "Dimension").values())
        if max(axes) < len(scales) and all(isinstance(s, dict) for s in scales):
            x, y = (scales[axis] for axis in axes)
            units = y.get("Units"), x.get("Units")
            said |= step(y.get("Scale"), x.get("Scale"), units, f"{name}: scale of the image")
    return said


def shape_of(image: dict) -> tuple[int, ...]:
    """Shape of an image, slowest axis first; empty if the tags do not say."""
    sizes = list(_part(image, "ImageData", "Dimensions").values())
    return tuple(sizes[::-1]) if all(isinstance(n, int) and n > 0 for n in sizes) else ()


def _part(tags, *names):
    for name in names:
        tags = tags.get(name) if isinstance(tags, dict) else None
    return tags if isinstance(tags, dict) else {}
