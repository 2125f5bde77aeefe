"""What the pipeline's threads do for one request; each function works on a snapshot."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from time import perf_counter

import numpy as np

from app.engine.engine import NOTHING, Found, Scan, g_key
from app.engine.health import faults
from app.pipeline import summary as opening
from app.pipeline.meter import Meter
from app.pipeline.results import (
    AmplitudeImage,
    ComField,
    DpcImage,
    LabelledImage,
    PhaseImage,
    Spectrum,
    Status,
    Tiles,
    VirtualImages,
)
from app.pipeline.wiener import Weighting
from app.state.request import Request
from recon.device.backend import CPU, DeviceError

Batch = list[tuple[str, object]]
Publish = Callable[[Batch], None]


@dataclass(frozen=True, eq=False)
class Prepared:
    """All that a redraw needs besides the aberrations."""

    request: Request
    """What it was prepared for."""
    scan: Scan
    found: Found
    sidebands: object | None
    """G, None while the calibration has gaps."""
    scan_sampling: tuple[float, float] | None
    """(y, x) [Å]"""
    picks: "Picks"
    weighting: Weighting = field(default_factory=Weighting)

    def with_(self, request: Request) -> Request:
        """`request` as far as it can be met with what is prepared."""
        mine = self.request
        return replace(
            request,
            reading=mine.reading,
            region=mine.region,
            treatment=mine.treatment,
            geometry=mine.geometry,
            bright_field_pixels=mine.bright_field_pixels,
        )


class Picks:
    """Power spectrum and tiles' frequencies of one G, made again only when they change."""

    def __init__(self):
        self._lock = Lock()
        self._choice, self._found, self._told, self._power = None, None, None, None

    def of(self, engine, g, choice) -> np.ndarray:
        """(n, 2) int frequencies for a `TileChoice`; the same array while it stays the same."""
        with self._lock:
            if choice != self._choice:
                self._choice, self._found = choice, engine.frequencies(g, choice)
            return self._found

    def news(self, engine, g, frequencies) -> np.ndarray | None:
        """(Sy, Sx) power spectrum if it was not told with these frequencies yet."""
        with self._lock:
            if self._told is frequencies:
                return None
            if self._power is None:
                self._power = engine.spectrum(g)
            self._told = frequencies
            return self._power


def preparation(request: Request) -> tuple:
    """The parts of a request that the slow work depends on."""
    full = request.sideband == "full"
    what = request.reading, request.region, request.treatment
    return *what, request.geometry, request.bright_field_pixels, full


LIVE = frozenset({"amplitude", "obf"})
"""Contrasts that a redraw makes besides the phase, where a slot shows them."""


def drawing(request: Request, contrasts) -> tuple:
    """The parts of a request that a redraw depends on, besides G, with the `contrasts` shown."""
    return (
        request.aberrations,
        request.sideband,
        request.band_limit,
        request.tiles,
        request.noise.wiener,
        LIVE.intersection(contrasts),
    )


def only_dose_differs(one: Request, other: Request) -> bool:
    """Whether what is prepared differs in nothing but which electrons are kept."""
    if one.treatment == other.treatment:
        return False
    whole = (replace(each, treatment=each.treatment.at_full_dose()) for each in (one, other))
    return len({preparation(each) for each in whole}) == 1


def usable_sideband(g, wanted: str) -> str:
    """The sidebands to sum: "full" only once G holds the triple overlap too."""
    return wanted if g.full or wanted != "full" else "both"


def prepare(
    engine,
    request: Request,
    sources,
    title: str,
    meter: Meter,
    publish: Publish,
    let_go=None,
    weighting: Weighting | None = None,
) -> Prepared:
    """Region, disc, orientation and G; what is known early is published early.

    `let_go()` is called where there is no room beside what was prepared before, whose `weighting`
    goes on.
    """
    which = request.reading, request.region
    doing = "Cutting" if request.treatment == NOTHING else "Correcting"
    scan = engine.scan(*which, request.treatment, meter.begin(f"{doing} {title}"))
    pattern = engine.pacbed(scan, meter.begin("Summing frames"))
    meter.begin("Finding disc and orientation")
    known, full = scan, request.treatment.at_full_dose()
    if full != request.treatment:
        # At a lower dose the geometry is what it was: it is found from all electrons.
        known = engine.scan(*which, full, meter)
    found = engine.find(known, request.geometry, meter)
    meter.check()
    publish(
        [
            ("scan", opening.summary(title, request, scan, found, sources)),
            ("pacbed", opening.pacbed(pattern, found)),
            ("device", engine.gauge.state()),
        ]
    )
    g = None
    if found.calibration is not None:
        wanted = found.calibration, request.bright_field_pixels, request.sideband == "full"
        task = " · ".join(
            filter(None, ["Transforming the scan", engine.announcement(scan, *wanted)])
        )
        g = engine.sidebands(scan, *wanted, meter.begin(task), let_go)
    meter.check()
    expected = weighting.carried_over() if weighting else Weighting()
    return Prepared(request, scan, found, g, opening.sampling_of(request), Picks(), expected)


def move_to_cpu(engine, prepared: Prepared, error: BaseException) -> bool:
    """Have G made on the CPU after a redraw has failed on the device; False where it cannot be."""
    request, calibration = prepared.request, prepared.found.calibration
    if not isinstance(error, DeviceError) or prepared.sidebands.device is CPU:
        return False
    full, pixels = request.sideband == "full", request.bright_field_pixels
    return engine.placed.give_up(g_key(prepared.scan.key, calibration, pixels, full), error)


def phase_image(
    engine, g, request: Request, mode: str, weighting: Weighting, sampling, moving=False
) -> PhaseImage:
    """The phase as it is shown: weighted, where that is asked for and possible, and labelled."""
    prior, words, sentence = None, "", ""
    if request.noise.wiener:
        prior, words, sentence = weighting.of(
            engine, g, request.aberrations, moving or mode == "draft"
        )
    start = perf_counter()
    sideband = usable_sideband(g, request.sideband)
    how = request.aberrations, mode, sideband, request.band_limit
    phase = engine.phase(g, *how, **({"prior": prior} if prior else {}))
    ms = 1e3 * (perf_counter() - start)
    return PhaseImage(phase, mode, ms, sampling, weighting=words, prior=sentence)


def as_draft(image: PhaseImage, g) -> Batch:
    """A phase that was made of a coarser G, told as a draft."""
    status = Status("draft", image.ms, int(g.entries))
    return [("phase", replace(image, mode="draft")), ("status", status)]


def redraw(engine, prepared: Prepared, request: Request, mode: str, contrasts) -> Batch:
    """Phase and tiles; the spectrum with its picks where that is news; what of `LIVE` is shown."""
    g, aberrations = prepared.sidebands, request.aberrations
    sideband = usable_sideband(g, request.sideband)
    phase = phase_image(engine, g, request, mode, prepared.weighting, prepared.scan_sampling)
    frequencies = prepared.picks.of(engine, g, request.tiles)
    tiles = engine.tiles(g, aberrations, frequencies)
    calibration, sampling = prepared.found.calibration, prepared.scan_sampling
    batch: Batch = [
        ("phase", phase),
        (
            "tiles",
            Tiles(
                tiles,
                frequencies,
                labels(frequencies, g.scan_shape, sampling),
                automatic=not request.tiles.frequencies,
            ),
        ),
        ("status", Status(mode, phase.ms, int(g.entries))),
        ("device", engine.gauge.state(prepared)),
    ]
    power = prepared.picks.news(engine, g, frequencies)
    if power is not None:
        height, width = g.scan_shape
        steps = (1 / (height * sampling[0]), 1 / (width * sampling[1]))
        batch.append(("spectrum", Spectrum(power, steps, frequencies, 2 * calibration.k0)))
    if "amplitude" in contrasts and mode == "exact":
        how = aberrations, mode, sideband, request.band_limit
        modulus = np.abs(engine.transmission(g, *how))
        batch.append(("amplitude", AmplitudeImage(modulus, sampling)))
    if "obf" in contrasts:
        image = engine.optimum_bright_field(g, aberrations, sideband, request.band_limit)
        batch.append(("obf", LabelledImage(image, "σ", sampling, "in units of noise")))
    return batch


def derive(
    engine,
    prepared: Prepared,
    request: Request,
    shown: dict[str, object],
    meter: Meter,
    publish: Publish,
) -> None:
    """Virtual images, faulty pixels, COM and DPC, as far as they are not `shown` already."""
    scan, found, sampling = prepared.scan, prepared.found, prepared.scan_sampling
    calibration = found.calibration

    made_of = (scan.key, found.centre, found.radius, request.annulus)
    if shown.get("virtual") != made_of:
        images = engine.virtual(scan, found, request.annulus, meter.begin("Summing detectors"))
        publish([("virtual", VirtualImages(images, sampling))])
        shown["virtual"] = made_of

    reading = prepared.request.reading
    if shown.get("faults") != reading:
        publish([("faults", faults(engine, reading, meter.begin("Looking for faulty pixels")))])
        shown["faults"] = reading

    made_of = (scan.key, calibration)
    if calibration is not None and shown.get("current") != made_of:
        current = prepared.sidebands.current
        publish([("current", current.statement if current else "")])
        shown["current"] = made_of

    if shown.get("com") != made_of:
        com = engine.com(scan, meter.begin("Centre of mass"))
        publish([("com", com_field(engine, scan, calibration, com, sampling))])
        shown["com"] = made_of

    made_of = (scan.key, calibration, request.dpc)
    if calibration is not None and shown.get("dpc") != made_of:
        result = engine.dpc(
            scan, calibration, request.dpc, meter.begin("Integrating the centre of mass")
        )
        publish(
            [
                (
                    "dpc",
                    DpcImage(
                        result.phase, result.errors, result.spectrum, request.dpc.method, sampling
                    ),
                )
            ]
        )
        shown["dpc"] = made_of


def com_field(engine, scan, calibration, com, sampling) -> ComField:
    """The COM in mrad along the scan, or in pixels while that is not possible."""
    if calibration is None:
        centred = com - com.mean(axis=(1, 2), keepdims=True)
        return ComField(centred, "px", None, None, sampling)
    from recon.sums.com import curl, divergence

    field = engine.deflection(scan, calibration)
    return ComField(field, "mrad", curl(field, sampling), divergence(field, sampling), sampling)


def numbered(batch: Batch, sequence: int) -> Batch:
    """`batch` with its phase image numbered."""
    return [
        (topic, replace(value, sequence=sequence) if topic == "phase" else value)
        for topic, value in batch
    ]


def labels(frequencies, scan_shape, sampling) -> tuple[str, ...]:
    """The period of each object frequency in words."""
    extent = np.array(scan_shape) * np.array(sampling)
    q = np.linalg.norm(np.asarray(frequencies).reshape(-1, 2) / extent, axis=1)
    return tuple(length(1 / value) if value else "DC" for value in q)


def length(angstrom: float) -> str:
    """A length in three digits, in Å, nm or µm."""
    for unit, scale in (("µm", 1e4), ("nm", 10.0)):
        if angstrom >= 10 * scale:
            return f"{angstrom / scale:.3g} {unit}"
    return f"{angstrom:.3g} Å"


def sentence(error: BaseException) -> str:
    """An error in one sentence for the user; what nobody expected goes to the log too."""
    if isinstance(error, MemoryError):
        return "There is not enough memory for this: crop or bin the scan, or take fewer pixels."
    if isinstance(error, ValueError | DeviceError) and str(error):
        return str(error)
    if isinstance(error, OSError):
        name = os.path.basename(str(error.filename or ""))
        why = error.strerror or str(error).rstrip(".")
        return f"{why}{f': {name}' if name else ''}."
    logging.getLogger(__name__).error("Unexpected failure", exc_info=error)
    return f"This failed unexpectedly ({type(error).__name__}: {error}); the log has the details."
