"""A contact sheet of the ways in which the scan can lie on the detector."""

import re
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from app.drawing.png import picture
from app.features.feature import Feature
from app.pipeline.context import Context
from app.pipeline.jobs import Answer, Job
from app.pipeline.proof import on_device
from app.views.sheet import Card, SheetPage
from recon.optics import Aberrations
from recon.orientation.eight_ways import orientations
from recon.ssb.build import build_g

SHEET = "orientations"


PIXELS = 8
"""Pixels across the disc that pictures are made with: coarse, as only lattices are looked for."""


PICTURE_PX = 224


CURL_ALLOWED = 0.1
"""Share of curl beyond the least of the eight up to which the centre of mass agrees."""


NEAR_DEG = 3.0
"""Distance within which an angle counts as one of the eight."""


@dataclass(frozen=True, eq=False)
class Oriented:
    """The eight orientations, judged, and the phase at each."""

    sheet: object
    """A `recon.orientation.eight_ways.OrientationSheet`."""
    images: tuple[np.ndarray, ...]
    """(Ty, Tx) float32 phase [rad] of each candidate."""


def orientation_job() -> Job:
    """The orientations of what is open now."""
    return Job("Comparing the orientations", oriented, what="the orientation")


def oriented(context: Context) -> Oriented:
    """Judge the eight orientations, and make a picture of each.

    Raises
    ------
    ValueError
        Where neither the centre of mass nor the sidebands show any.
    """
    g, meter, prepared = context.g, context.meter, context.prepared
    calibration = prepared.found.calibration

    def judge():
        events = context.engine.events_on(prepared.scan, g.device, meter)
        return orientations(events, calibration, progress=meter)

    sheet = on_device(context, g, judge)
    meter.begin("Drawing the orientations")
    images = {}
    for n, each in enumerate(sheet.candidates):
        turned = _key(each.rotation_deg + 180, each.transpose)
        if turned in images:
            # Half a turn, with aberrations of the other sign, inverts the contrast exactly.
            image = -images[turned]
        else:
            laid = replace(calibration, rotation_deg=each.rotation_deg, transpose=each.transpose)
            image = on_device(
                context, g, lambda laid=laid, c10=each.C10: _phase(context, laid, c10)
            )
        images[_key(each.rotation_deg, each.transpose)] = image
        meter((n + 1) / len(sheet.candidates))
    found = (images[_key(each.rotation_deg, each.transpose)] for each in sheet.candidates)
    return Oriented(sheet, tuple(found))


def _key(rotation_deg, transpose):
    return round(rotation_deg % 360, 3) % 360, transpose


def _phase(context, calibration, c10):
    from recon.focus.through_focus import through_focus

    events = context.engine.events_on(context.prepared.scan, context.g.device, context.meter)
    pixels = min(PIXELS, context.request.bright_field_pixels)
    g = build_g(
        events,
        calibration,
        pixels,
        context.g.device,
        full=True,
        progress=lambda part: context.meter.check(),
    )
    size = max(8, min(PICTURE_PX, max(g.scan_shape)))
    defocus = [-c10 if isfinite(c10) else 0.0]
    return through_focus(g, Aberrations(), defocus, size, sideband="full")[0]


def chosen(oriented: Oriented, rotation_deg: float, transpose: bool) -> str | None:
    """Key of the candidate that is set; None for an orientation that is none of the eight."""
    for n, each in enumerate(oriented.sheet.candidates):
        off = abs((each.rotation_deg - rotation_deg + 180) % 360 - 180)
        if each.transpose == transpose and off < NEAR_DEG:
            return str(n)
    return None


def sheet_page(oriented: Oriented, key: str | None) -> SheetPage:
    """The contact sheet, the candidate of that key marked as set."""
    cards = []
    curls = [each.curl for each in oriented.sheet.candidates if isfinite(each.curl)]
    most = min(curls, default=0.0) + CURL_ALLOWED
    for n, (each, image) in enumerate(zip(oriented.sheet.candidates, oriented.images, strict=True)):
        angle = _signed(f"{each.rotation_deg:.1f}°")
        cards.append(
            Card(
                str(n),
                angle + " · transposed" * each.transpose + " · best" * (n == 0),
                _lines(each, most),
                picture(image, most=PICTURE_PX * 2),
                chosen=str(n) == key,
            )
        )
    return SheetPage(
        SHEET,
        "Orientations",
        f"{_signed(oriented.sheet.statement)} Click a picture to use its orientation, then "
        "focus again.",
        tuple(cards),
    )


def _signed(text: str) -> str:
    return re.sub(r"(?<!\w)-(?=\d)", "−", text)


def _lines(candidate, most: float) -> tuple[str, ...]:
    curl, coherence, sure = candidate.curl, candidate.coherence, candidate.atoms_positive
    atoms = (
        f"positive, {100 * sure:.0f} %" if sure >= 0.5 else f"negative, {100 - 100 * sure:.0f} %"
    )
    lines = [
        f"COM: curl {100 * curl:.0f} %, {'agrees' if curl <= most else 'disagrees'}"
        if isfinite(curl)
        else "COM: shows nothing",
        f"Sidebands: {coherence:.0f} σ" if isfinite(coherence) else "Sidebands: show nothing",
        f"Atoms: {atoms} sure",
    ]
    return tuple(lines)


class Orientations(Feature):
    """The button beside the rotation, and the sheet that it fills."""

    sheets = (SHEET,)

    def __init__(self, page):
        super().__init__(page)
        self.answer = Answer()
        self._found: Oriented | None = None
        button = {
            "name": "orientations",
            "label": "Orientations…",
            "doc": "Compare the eight orientations of the scan, by COM and by sidebands",
        }
        page.panels.calibration.add_button("turn", button, self.ask)
        scan = page.experiment.scan
        self._ties.tie(scan, self._mark, "rotation_deg", "transpose")
        self._ties.hear(self.answer.param.result, self._show)
        self._ties.show(page.pipeline.preparing.param.dataset, self._forget)

    def ask(self) -> None:
        """Have the orientations judged."""
        self.page.pipeline.aside.perform(orientation_job(), self.answer)

    def _show(self, found: Oriented) -> None:
        self._found = found
        self.page.sheet.show(sheet_page(found, self._chosen()))

    def _forget(self, dataset: str) -> None:
        self._found = None
        if self.page.sheet.showing(SHEET):
            self.page.sheet.hide()

    def act(self, sheet: str, key: str, action: str) -> None:
        """Do what a button of the sheet says."""
        candidates = self._found.sheet.candidates if self._found else ()
        if action == "pick" and key.isdecimal() and int(key) < len(candidates):
            one = candidates[int(key)]
            # As a hand's change: nothing looks for another orientation any more.
            self.page.experiment.scan.param.update(
                rotation_deg=round(one.rotation_deg, 2), transpose=one.transpose
            )

    def _chosen(self) -> str | None:
        scan = self.page.experiment.scan
        return chosen(self._found, scan.rotation_deg, scan.transpose)

    def _mark(self, *events) -> None:
        if self._found is not None and self.page.sheet.showing(SHEET):
            self.page.sheet.choose(self._chosen())

    def close(self) -> None:
        """Let go of everything."""
        super().close()
        self._found = None
