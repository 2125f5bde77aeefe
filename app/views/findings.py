"""The health report as a sheet: what was found, how bad it is, what to do about it."""

import numpy as np

from app.drawing import plots
from app.views.sheet import Card, SheetPage
from app.words import spoken

NAME = "health"

ORDER = ("bad", "look", "ok")

EXAGGERATED = 4
"""How much an ellipse is stretched in its picture."""

CORRECTIONS = {
    "mask_faulty": (
        ("mask", "Leave out faulty pixels", "Leave hot and dead pixels out of every sum"),
        ("unmask", "Use all pixels again", "Take the faulty pixels back into every sum"),
        "They are left out now.",
    ),
    "descan": (
        ("straighten", "Remove descan", "Keep the disc in its place over the scan"),
        ("leave", "Leave descan in", "Use the patterns as they were recorded"),
        "It is removed now.",
    ),
    "round_disc": (
        ("round", "Make the disc round", "Stretch the patterns about the disc's centre"),
        ("unround", "Leave the disc as it is", "Use the patterns as they were recorded"),
        "It is made round now.",
    ),
}
"""By parameter of `TreatmentState`: button that sets it, button that takes it back, and what is
said while it is set."""

CROP = ("crop", "Crop…", "Leave out rows and columns of the scan")
KEEP = ("keep", "Keep the flyback column", "Read the scan again with its last column")
DROP = ("drop", "Drop the flyback column", "Read the scan again without its last column")

PIXELS = ("hot pixels", "dead pixels", "dead sectors")
ANSWERS = dict.fromkeys(PIXELS, "mask_faulty") | {"descan": "descan", "disc": "round_disc"}
"""What answers a finding."""


def correction(action: str) -> tuple[str, bool] | None:
    """The parameter of `TreatmentState` that a button sets, and to what."""
    for name, (setting, taking_back, _) in CORRECTIONS.items():
        if action in (setting[0], taking_back[0]):
            return name, action == setting[0]
    return None


def sheet(checked, treatment) -> SheetPage:
    """The page of a sheet.

    Parameters
    ----------
    checked : app.engine.health.Checked
    treatment : app.state.request.Treatment
        What is done about it now.
    """
    found = sorted(checked.findings, key=lambda finding: ORDER.index(finding.verdict))
    cards = tuple(_card(finding, checked, treatment) for finding in found)
    return SheetPage(NAME, "Health of the scan", _lead(checked), cards, "rows")


def verdict(checked) -> str:
    """The report in a few words."""
    number = checked.number
    return f"{number} finding{'s' if number > 1 else ''}" if number else "No problems found"


def _lead(checked) -> str:
    held = "frames" if checked.electrons is None else f"{number(checked.electrons)} electrons"
    of = "{} at {} × {} positions, as they come from the file".format(held, *checked.totals.shape)
    tail = ", the worst first; no problems in the rest" if checked.number else ""
    return f"{verdict(checked)}{tail}. Looked at: {of}."


def _card(finding, checked, treatment) -> Card:
    lines = [finding.meaning]
    lines += [f"{name}: {value}" for name, value in _values(finding.values)]
    if finding.advice:
        lines.append(finding.advice)
    answer = ANSWERS.get(finding.name)
    answered = answer is not None and finding.verdict != "ok" and getattr(treatment, answer)
    if answered:
        lines.append(CORRECTIONS[answer][2])
    return Card(
        finding.name,
        finding.name[0].upper() + finding.name[1:],
        tuple(lines),
        _picture(finding, checked),
        finding.verdict,
        actions=_actions(finding, checked, answered),
    )


def _values(values):
    """(name, value in words) of each value, with its error where one is told."""
    for name, (value, unit) in values.items():
        if name == "error" or name.endswith(", error"):
            continue
        error = values.get(f"{name}, error", values.get("error"))
        known = error is not None and unit and error[1] == unit and np.isfinite(error[0])
        yield name, spoken(value, error[0], unit) if known else f"{number(value)} {unit}".strip()


def number(value) -> str:
    """A number in three digits, or whole with its thousands apart."""
    whole = isinstance(value, int | np.integer) or abs(value) >= 1000
    text = f"{value:,.0f}" if whole else f"{value:.2f}" if abs(value) < 1 else f"{value:.3g}"
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", "−")


def _actions(finding, checked, answered):
    if finding.name == "flyback":
        either = {"dropped": (KEEP,), "kept": (DROP,)}.get(checked.flyback, ())
        return either if finding.verdict == "ok" else (*either, CROP)
    if finding.verdict == "ok":
        return ()
    if finding.name in ANSWERS:
        setting, taking_back, _ = CORRECTIONS[ANSWERS[finding.name]]
        return (taking_back if answered else setting,)
    return (CROP,) if finding.name == "frames" else ()


def _picture(finding, report) -> str:
    """The address of a finding's picture; empty where there is nothing to see."""
    shown = finding.picture
    if finding.name in ANSWERS and finding.verdict == "ok":
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
        return _descan(finding, report.descan)
    if finding.name == "disc":
        fit = report.ellipse.fit.ellipse
        caption = f"stretch drawn {EXAGGERATED} ×"
        return plots.ring(fit.ratio, fit.angle_deg, caption, EXAGGERATED)
    return ""


def _range(finding, totals):
    dose = finding.values.get("dose on the detector")
    scale, unit = 1.0, "e⁻" if finding.name == "dose" else ""
    if dose is not None:
        scale, unit = dose[0] / max(float(np.mean(totals)), 1e-30), "e/Å²"
    low, high = scale * np.percentile(totals, (0.5, 99.5))
    return f"{low:.3g} to {high:.3g} {unit}".strip()


def _descan(finding, rim, across: int = 6):
    """Arrows of the rim's shift, or of the centre of mass where there is no rim."""
    if rim is not None and rim.fit is not None:
        shift = rim.fit.descan.shift((across, across))
        return plots.arrows(shift, f"up to {rim.fit.largest:.2f} px")
    field = finding.picture
    rows, columns = (np.array_split(np.arange(n), min(across, n)) for n in field.shape[1:])
    shift = np.array([[field[:, r][:, :, c].mean((1, 2)) for c in columns] for r in rows])
    shift = np.moveaxis(shift, -1, 0)
    return plots.arrows(shift, f"up to {np.hypot(*shift).max():.2g} px")
