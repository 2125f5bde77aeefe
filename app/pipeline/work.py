"""What the pipeline's threads do for one request; each function works on a snapshot."""

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from app.engine.building_g import g_key
from app.engine.engine import NOTHING
from app.engine.health import faults
from app.engine.treatment import settled
from app.pipeline import summary
from app.pipeline.context import Context
from app.pipeline.makers import WITH_PHASE
from app.pipeline.meter import Meter
from app.pipeline.prepared import Picks, Prepared, usable_sideband
from app.pipeline.results import (
    ComField,
    DpcImage,
    PhaseImage,
    Spectrum,
    Status,
    Tiles,
    VirtualImages,
    over_scan,
)
from app.pipeline.wiener import Weighting
from app.state.contrasts import LIVE, drawn_results
from app.state.request import Request
from app.words import labels
from recon.device.backend import CPU, DeviceError

Results = dict[str, object]
"""Results of a stage by the names of its parameters."""

Publish = Callable[..., None]
"""Takes them by keyword, on any thread."""


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
    treatment = settled(engine, request, meter.begin(f"Looking at {title}"))
    doing = "Cutting" if treatment == NOTHING else "Correcting"
    scan = engine.scan(*which, treatment, meter.begin(f"{doing} {title}"))
    pattern = engine.pacbed(scan, meter.begin("Summing frames"))
    meter.begin("Finding disc and orientation")
    known, full = scan, treatment.at_full_dose()
    if full != treatment:
        # At a lower dose the geometry is what it was: it is found from all electrons.
        known = engine.scan(*which, full, meter)
    found = engine.find(known, request.geometry, meter)
    meter.check()
    publish(
        scan=summary.summary(title, request, scan, found, sources),
        pacbed=summary.pacbed(pattern, found),
        device=engine.gauge.state(),
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
    return Prepared(request, scan, found, g, summary.sampling_of(request), Picks(), expected)


def move_to_cpu(engine, prepared: Prepared, error: BaseException) -> bool:
    """Have G made on the CPU after a redraw has failed on the device; False where it cannot be."""
    request, calibration = prepared.request, prepared.found.calibration
    if not isinstance(error, DeviceError) or prepared.sidebands.device is CPU:
        return False
    full, pixels = request.sideband == "full", request.bright_field_pixels
    return engine.placed.give_up(g_key(prepared.scan.key, calibration, pixels, full), error)


def notices(prepared: Prepared) -> list[str]:
    """What has happened to a G that lies on a cluster, and was not told yet."""
    return getattr(prepared.sidebands, "take_notices", list)()


def phase_image(
    engine, g, request: Request, mode: str, weighting: Weighting, sampling, moving=False
) -> PhaseImage:
    """The phase as it is shown: weighted, where that is asked for and possible, and labelled."""
    prior, words, sentence = None, "", ""
    if request.noise.wiener:
        prior, words, sentence = weighting.of(
            engine, g, request.aberrations, moving or mode == "draft", request.specimen
        )
    start = perf_counter()
    sideband = usable_sideband(g, request.sideband)
    how = request.aberrations, mode, sideband, request.band_limit
    phase = engine.phase(g, *how, **({"prior": prior} if prior else {}))
    ms = 1e3 * (perf_counter() - start)
    return PhaseImage(phase, mode, ms, sampling, weighting=words, prior=sentence)


def as_draft(image: PhaseImage, g) -> Results:
    """A phase that was made of a coarser G, as a draft."""
    status = Status("draft", image.ms, int(g.entries))
    return {"phase": replace(image, mode="draft"), "status": status}


def beside(shown) -> frozenset[str]:
    """Which of the results `shown` a redraw makes besides the phase."""
    return WITH_PHASE.keys() & set(shown)


def redraw(engine, prepared: Prepared, request: Request, mode: str, shown) -> Results:
    """Phase and tiles; the spectrum with its picks where that is news; what is `shown` of it all.

    Whoever moves a slider sees what is live; the rest comes with the exact phase.
    """
    g, aberrations = prepared.g_of(request), request.aberrations
    moving = prepared.scan.growing  # as when a hand moves, what is expected stays
    how = prepared.weighting, prepared.scan_sampling, moving
    phase = phase_image(engine, g, request, mode, *how)
    rows = prepared.scan.rows
    phase = over_scan(phase, rows)
    frequencies = prepared.picks.of(engine, g, request.tiles)
    tiles = engine.tiles(g, aberrations, frequencies)
    calibration, sampling = prepared.found.calibration, prepared.scan_sampling
    made: Results = {
        "phase": phase,
        "tiles": Tiles(
            tiles,
            frequencies,
            labels(frequencies, g.scan_shape, sampling),
            automatic=not request.tiles.frequencies,
        ),
        "status": Status(mode, phase.ms, int(g.entries)),
        "device": engine.gauge.state(prepared),
    }
    power = prepared.picks.news(engine, g, frequencies)
    if power is not None:
        height, width = g.scan_shape
        steps = (1 / (height * sampling[0]), 1 / (width * sampling[1]))
        made["spectrum"] = Spectrum(power, steps, frequencies, 2 * calibration.k0)
    wanted = beside(shown) if mode == "exact" else beside(shown) & drawn_results(LIVE)
    context = Context(engine, prepared, request)
    makes = {name: make for name, make in WITH_PHASE.items() if name in wanted}
    return made | {name: over_scan(make(context), rows) for name, make in makes.items()}


def derive(
    engine, prepared: Prepared, request: Request, made: Results, meter: Meter, publish: Publish
) -> None:
    """Virtual images, faulty pixels, COM and DPC, as far as they are not `made` of this already."""
    for name, (made_of, make) in derived(engine, prepared, request, meter).items():
        if made.get(name) != made_of:
            publish(**{name: over_scan(make(), prepared.scan.rows)})
            made[name] = made_of


def derived(engine, prepared: Prepared, request: Request, meter: Meter) -> dict[str, tuple]:
    """What each is made of, and what makes it."""
    scan, found, sampling = prepared.scan, prepared.found, prepared.scan_sampling
    calibration, annulus, reading = found.calibration, request.annulus, prepared.request.reading

    def virtual():
        images = engine.virtual(scan, found, annulus, meter.begin("Summing detectors"))
        return VirtualImages(images, sampling)

    def current():
        known = prepared.sidebands and prepared.sidebands.current
        return known.statement if known else ""

    def com():
        field = engine.com(scan, meter.begin("Centre of mass"))
        return com_field(engine, scan, calibration, field, sampling)

    def dpc():
        if calibration is None:
            return None
        task = "Integrating the centre of mass"
        made = engine.dpc(scan, calibration, request.dpc, meter.begin(task))
        return DpcImage(made.phase, made.errors, made.spectrum, request.dpc.method, sampling)

    made = {
        "virtual": ((scan.key, found.centre, found.radius, annulus), virtual),
        "faults": (
            reading,
            lambda: faults(engine, reading, meter.begin("Looking for faulty pixels")),
        ),
        "current": ((scan.key, calibration), current),
        "com": ((scan.key, calibration), com),
        "dpc": ((scan.key, calibration, request.dpc), dpc),
    }
    if scan.growing:  # of some of its rows there is nothing to be said of its faults
        del made["faults"], made["current"]
    return made


def com_field(engine, scan, calibration, com, sampling) -> ComField:
    """The COM in mrad along the scan, or in pixels while that is not possible."""
    if calibration is None:
        centred = com - com.mean(axis=(1, 2), keepdims=True)
        return ComField(centred, "px", None, None, sampling)
    from recon.sums.com import curl, divergence

    field = engine.deflection(scan, calibration)
    return ComField(field, "mrad", curl(field, sampling), divergence(field, sampling), sampling)
