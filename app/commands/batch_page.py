"""The table of `livestem batch` as one page that needs nothing else: pictures, numbers, links."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape
from io import BytesIO
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote, urlencode

import h5py
import numpy as np
from PIL import Image

from app.asset_folder import FOLDER
from app.state.display import DisplayState
from app.state.recorded import session_of
from recon.batch.many import Done
from recon.batch.table import row
from recon.io.files.atomic import replacing

THUMBNAIL = 192
"""Longest side of a picture [px], twice what is shown."""

HEADS = {
    "scan": ("Scan", ""),
    "defocus": ("Defocus", "nm"),
    "astigmatism": ("Astigmatism", "nm"),
    "rotation": ("Rotation", "°"),
    "flatness": ("Flat", "%"),
    "resolution": ("Resolution", "Å"),
    "dose": ("Dose", "e/Å²"),
    "electrons": ("Electrons", ""),
    "rows": ("Positions", ""),
    "energy": ("Energy", "keV"),
    "semiangle": ("Semi-angle", "mrad"),
    "step_y": ("Step", "Å"),
    "seconds": ("Time", "s"),
    "warnings": ("Warnings", ""),
}
"""Column of the table -> its head and unit."""


def write_page(path: Path, done: Iterable[Done], page: str, root: Path) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
    done : iterable of Done
    page : str
        Address of a livestem that serves `root`, where a click opens a scan; "" makes no links.
    root : Path
        The folder to which the names of scans in links are relative.

    Raises
    ------
    OSError
        With one sentence for the user if the file cannot be written.
    """
    done = list(done)
    heads = "".join(
        f'<th scope="col"><button type="button">{title}</button><small>{unit}</small></th>'
        for title, unit in HEADS.values()
    )
    failed = sum(each.state == "failed" for each in done)
    scans = "1 scan" if len(done) == 1 else f"{len(done)} scans"
    summary = f"{scans}, {failed or 'none'} failed. Click a head to sort."
    text = Template((FOLDER / "batch.html").read_text(encoding="utf-8")).substitute(
        title=f"livestem: {escape(root.name or 'scans')}",
        summary=summary,
        heads=heads,
        rows="\n".join(_row(each, page, root) for each in done),
    )
    content = text.encode()
    with replacing(path, len(content)) as file:
        file.write(content)


def _row(done: Done, page: str, root: Path) -> str:
    line = row(done)
    cells = "".join(_cell(name, line, done, page, root) for name in HEADS)
    return f"<tr><td>{_picture(done)}</td>{cells}</tr>"


def _cell(name: str, line: Mapping[str, Any], done: Done, page: str, root: Path) -> str:
    value = line[name]
    sorted_by = "" if value is None else escape(str(value))
    if name == "scan":
        return f'<td class="name" data-value="{sorted_by}">{_name(done, page, root)}</td>'
    if name == "warnings":
        kind = "failed" if done.state == "failed" else "warned"
        return f'<td class="words {kind}" data-value="{sorted_by}">{escape(value or "")}</td>'
    return f'<td data-value="{sorted_by}">{_number(name, line)}</td>'


def _number(name: str, line: Mapping[str, Any]) -> str:
    value, error = line[name], line.get(f"{name}_error")
    if value is None:
        return "–"
    if name == "rows":
        return f"{value} × {line['columns']}"
    if name == "step_y" and value != line["step_x"]:
        return f"{value:.4g} × {line['step_x']:.4g}"
    if name == "electrons":
        return f"{value:,}".replace(",", "\u202f")
    if name == "rotation" and line["transposed"]:
        return f"{_with_error(value, error)}, swapped"
    return _with_error(value, error)


def _with_error(value: float, error: float | None) -> str:
    if not error:
        # No powers of ten, which nobody compares at a glance.
        text = f"{value:.4g}" if abs(value) < 9999.5 else f"{value:,.0f}".replace(",", "\u202f")
        return text.replace("-", "−")
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", "−")


def _name(done: Done, page: str, root: Path) -> str:
    name = escape(done.scan.name)
    if done.state == "failed":
        return name
    results = f'<a href="{escape(quote(done.results.name))}">results</a>'
    if not page:
        return f"{name}{results}"
    link = escape(f"{page}?{urlencode(link_of(done, root))}")
    return f'<a href="{link}">{name}</a>{results}'


def link_of(done: Done, root: Path) -> dict[str, str]:
    """The entries of an address that opens a scan with the calibration and aberrations found."""
    scan = done.scan.resolve()
    inside = scan.is_relative_to(root.resolve())
    name = scan.relative_to(root.resolve()).as_posix() if inside else scan.name
    return session_of(done.parameters, name)


def _picture(done: Done) -> str:
    if done.state == "failed":
        return ""
    with h5py.File(done.results, "r") as file:
        phase = file["ssb/phase"][:]
    url = b64encode(thumbnail(phase)).decode()
    return f'<img src="data:image/png;base64,{url}" alt="Phase of {escape(done.scan.name)}">'


def thumbnail(phase: np.ndarray) -> bytes:
    """A small grey PNG of a (Sy, Sx) phase [rad], with the contrast of the page."""
    display = DisplayState.param
    limits = display.percentile_low.default, display.percentile_high.default
    low, high = np.nanpercentile(phase, limits)
    grey = np.nan_to_num(255 * np.clip((phase - low) / max(high - low, 1e-12), 0, 1))
    image = Image.fromarray(grey.round().astype(np.uint8))
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
