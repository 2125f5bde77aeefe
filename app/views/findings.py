"""The health report as a sheet: what was found, how bad it is, what to do about it."""

import numpy as np

from app.views import plots
from app.views.sheet import Card, SheetPage

NAME = "health"

ORDER = ("bad", "look", "ok")

MASK = ("mask", "Leave out faulty pixels", "Hot and dead pixels take part in no sum")
UNMASK = ("unmask", "Use all pixels again", "Take the faulty pixels back into every sum")
CROP = ("crop", "Crop…", "Leave out rows and columns of the scan")
KEEP = ("keep", "Keep the flyback column", "Read the scan again with its last column")
DROP = ("drop", "Drop the flyback column", "Read the scan again without its last column")

PIXELS = ("hot pixels", "dead pixels", "dead sectors")
"""Findings that a mask answers."""


def sheet(checked, treatment) -> SheetPage:
    """The page of a sheet.

    Parameters
    ----------
    checked : app.checking.Checked
    treatment : app.request.Treatment
        What is done about it now.
    """
    report = checked.report
    found = sorted(report.findings, key=lambda finding: ORDER.index(finding.verdict))
    cards = tuple(_card(finding, checked, treatment) for finding in found)
    return SheetPage(NAME, "Health of the scan", _lead(checked), cards, "rows")


def verdict(report) -> str:
    """The report in a few words."""
    number = sum(finding.verdict != "ok" for finding in report.findings)
    return f"{number} thing{'s' if number > 1 else ''} to look at" if number else "All well"


def _lead(checked) -> str:
    held = "frames" if checked.electrons is None else f"{number(checked.electrons)} electrons"
    of = "{} at {} × {} positions, as they come from the file".format(held, *checked.scan_shape)
    words = verdict(checked.report)
    tail = "" if words == "All well" else ", the worst first; the rest is well"
    return f"{words}{tail}. Looked at: {of}."


def _card(finding, checked, treatment) -> Card:
    lines = [finding.meaning]
    lines += [f"{name}: {value}" for name, value in _values(finding.values)]
    if finding.advice:
        lines.append(finding.advice)
    masked = treatment.mask_faulty and finding.name in PIXELS and finding.verdict != "ok"
    if masked:
        lines.append("They are left out now.")
    return Card(
        finding.name,
        finding.name[0].upper() + finding.name[1:],
        tuple(lines),
        _picture(finding, checked.report),
        finding.verdict,
        actions=_actions(finding, checked, masked),
    )


def _values(values):
    """(name, value in words) of each value, with its error where one is told."""
    for name, (value, unit) in values.items():
        if name == "error" or name.endswith(", error"):
            continue
        error = values.get(f"{name}, error", values.get("error"))
        known = error is not None and unit and error[1] == unit and np.isfinite(error[0])
        yield name, f"{_doubtful(value, error[0]) if known else number(value)} {unit}".strip()


def number(value) -> str:
    """A number in three digits, or whole with its thousands apart."""
    whole = isinstance(value, int | np.integer) or abs(value) >= 1000
    text = f"{value:,.0f}" if whole else f"{value:.2f}" if abs(value) < 1 else f"{value:.3g}"
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", "−")


def _doubtful(value, error) -> str:
    """A number to the second digit of its error."""
    places = int(np.clip(1 - np.floor(np.log10(error)) if error > 0 else 2, 0, 6))
    return f"{value:.{places}f} ± {error:.{places}f}".replace("-", "−")


def _actions(finding, checked, masked):
    if finding.name == "flyback":
        either = {"dropped": (KEEP,), "kept": (DROP,)}.get(checked.flyback, ())
        if finding.verdict == "ok":
            return either
        return (*either, CROP)
    if finding.verdict == "ok":
        return ()
    if finding.name in PIXELS:
        return (UNMASK if masked else MASK,)
    return (CROP,) if finding.name == "frames" else ()


def _picture(finding, report) -> str:
    """The address of a finding's picture; empty where there is nothing to see."""
    shown = finding.picture
    if finding.name in (*PIXELS, "descan") and finding.verdict == "ok":
        return ""
    if finding.name in PIXELS:
        return plots.marked_map(np.sqrt(np.maximum(report.pattern, 0)), (shown,))
    if finding.name == "frames":
        return plots.marked_map(report.totals, (shown > 0, shown < 0))
    if finding.name in ("dose", "signal"):
        return plots.marked_map(report.totals, (), _range(finding, report.totals))
    if finding.name == "beam current":
        slope = finding.values["drift over the scan"][0] / 100
        along = np.linspace(-0.5, 0.5, len(shown))
        return plots.curve(shown, "rows of the scan", shown.mean() * (1 + slope * along))
    if finding.name == "flyback" and shown is not None:
        return plots.curve(shown, "columns of the scan")
    if finding.name == "descan":
        return _descan(finding)
    return ""


def _range(finding, totals):
    dose = finding.values.get("dose on the detector")
    scale, unit = 1.0, "e⁻" if finding.name == "dose" else ""
    if dose is not None:
        scale, unit = dose[0] / max(float(np.mean(totals)), 1e-30), "e/Å²"
    low, high = scale * np.percentile(totals, (0.5, 99.5))
    return f"{low:.3g} to {high:.3g} {unit}".strip()


def _descan(finding, across: int = 6):
    field = finding.picture
    rows, columns = (np.array_split(np.arange(n), min(across, n)) for n in field.shape[1:])
    shift = np.array([[field[:, r][:, :, c].mean((1, 2)) for c in columns] for r in rows])
    shift = np.moveaxis(shift, -1, 0)
    return plots.arrows(shift, f"up to {np.hypot(*shift).max():.2g} px")
