"""A report as one HTML file that needs nothing else: no network, no script."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from app.asset_folder import FOLDER
from app.report import numbers, pdf, pictures
from app.report.numbers import Number
from app.report.told import sentences
from recon.io.files.atomic import replacing
from recon.io.results import plain

TABLES = {
    "Scan": numbers.scan,
    "Probe": numbers.probe,
    "Aberrations": numbers.aberrations,
    "Specimen": numbers.specimen,
    "Quality": numbers.quality,
    "Settings": numbers.settings,
}

DROP = "Or drop this file on livestem’s page."


def report(
    results: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    address: str = "",
    hint: str = "",
    session: str = "",
) -> str:
    """The text of the file.

    Parameters
    ----------
    results : mapping of str to Result
        As `recon.batch.reconstruct.reconstruct` gives them; with "ssb/spectrum" and "ssb/tiles"
        the report shows them.
    parameters : mapping
        That belong to them.
    address : str
        Opens the session in a browser; empty if nobody knows one.
    hint : str
        What has to run for that, in a sentence.
    session : str
        The line of `app.state.link.mark`, by which the file opens its session when it is dropped
        on the page; empty where it does not.
    """
    said = plain(parameters)
    shown = list(pictures.images(results, said))
    first = next((each for each in shown if each.name == "ssb/phase"), None)
    doubts = numbers.doubts(said)
    told = [each for each in sentences(said) if each and each not in doubts]
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Template((FOLDER / "report.html").read_text(encoding="utf-8")).substitute(
        title=escape(said["file"]["name"] or "scan"),
        lead=escape(said["statement"]),
        made=f"{made} · livestem {escape(said['versions']['livestem'])}",
        phase=first.html("large") if first else "",
        headline=_table(numbers.headline(said), origin=False),
        doubts=_box("To be doubted", doubts),
        images="".join(each.html() for each in shown if each is not first),
        proof=_proof(results, said),
        tables="".join(_titled(title, make(said)) for title, make in TABLES.items()),
        findings=_box("What was found and done", told, "found"),
        versions=escape(" · ".join(f"{n} {v}" for n, v in said["versions"].items())),
        session=_session(address, hint, session),
        # Two dashes may stand in a comment, and “>” is written %3E in an address.
        mark=session and f"<!--\n{session}-->",
    )


def write_report(path: Path, text: str) -> None:
    """Write a report, as PDF where the name ends in .pdf.

    Raises
    ------
    ValueError
        As `app.report.pdf.as_pdf`.
    OSError
        With one sentence for the user if the file cannot be written; nothing is left of it then.
    """
    content = pdf.as_pdf(text) if path.suffix.lower() == ".pdf" else text.encode()
    with replacing(path, len(content)) as file:
        file.write(content)


def _proof(results, said) -> str:
    spectrum, tiles = pictures.spectrum(results, said), pictures.tiles(results, said)
    if spectrum is None and not tiles:
        return ""
    columns = min(len(tiles), 3) or 1
    grid = "".join(each.html("tile") for each in tiles)
    return (
        '<section class="proof"><h2>Are the aberrations right?</h2>'
        "<p>Each tile shows conj(γ) G over the bright field for one frequency of the object: "
        "hue is its phase. With the right aberrations a tile has one hue. Numbers are those of "
        "the rings in the spectrum, lengths the periods.</p>"
        f'<div class="pair"><div class="tiles" style="--columns:{columns}">{grid}</div>'
        f"{spectrum.html() if spectrum else ''}</div></section>"
    )


def _table(rows: Iterable[Number], origin: bool = True) -> str:
    lines = []
    for each in rows:
        source = f"<td>{escape(each.source)}</td>" if origin else ""
        unit = f"<small>{escape(each.unit)}</small>" if each.unit else ""
        lines.append(
            f'<tr><th scope="row">{escape(each.name)}</th><td>{escape(each.value)} {unit}</td>'
            f"{source}</tr>"
        )
    return f"<table>{''.join(lines)}</table>" if lines else ""


def _titled(title: str, rows: Iterable[Number]) -> str:
    rows = list(rows)
    origin = any(each.source for each in rows)
    return f"<section><h3>{title}</h3>{_table(rows, origin)}</section>" if rows else ""


def _box(title: str, told: Iterable[str], kind: str = "doubts") -> str:
    items = "".join(f"<li>{escape(each)}</li>" for each in told)
    return f'<section class="{kind}"><h2>{title}</h2><ul>{items}</ul></section>' if items else ""


def _session(address: str, hint: str, session: str) -> str:
    link = f'<a href="{escape(address)}">Open this session</a> {escape(hint)}' if address else ""
    return " ".join(filter(None, (link, DROP if session else "")))
