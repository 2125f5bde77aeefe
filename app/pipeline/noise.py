"""Ring correlation, denoised phase and tilt-corrected bright field, made at rest where shown."""

from app.pipeline.chart import Chart
from app.pipeline.context import Context
from app.pipeline.on_show import at_rest, phase_key
from app.pipeline.results import LabelledImage
from app.state.request import Request
from app.words import length
from recon.device.backend import on_host
from recon.ssb import build
from recon.treatment.either import needs_electrons

SPLIT = 1
"""Seed of the halves: another than that of thinning, or both would draw alike."""

PER_ANGSTROM = 10.0
"""1/Å in 1/nm."""


@at_rest("Correlating two halves of the electrons", phase_key)
def frc(context: Context) -> Chart:
    """Fourier ring correlation of the phases of two halves of the electrons.

    Raises
    ------
    ValueError
        If there are no electrons one by one, or no G.
    """
    from recon.quality.halves import split_half
    from recon.quality.ring_correlation import threshold

    g, request, scan = context.g, context.request, context.prepared.scan
    needs_electrons(scan.events, "split in two halves")
    halves = context.engine.placed.attempt(
        lambda: split_half(
            context.engine.events_on(scan, g.device, context.meter),
            g.calibration,
            request.aberrations,
            request.bright_field_pixels,
            sideband=context.sideband,
            band_limit=request.band_limit,
            seed=SPLIT,
            whole=g,
            progress=context.meter,
        )
    )
    curve = halves.curve
    found = {name: halves.resolution(name) for name in ("1/7", "half bit")}
    lines = {"correlation": curve.correlation}
    lines |= {name: threshold(curve, name) for name in found}
    return Chart(
        PER_ANGSTROM * curve.q,
        lines,
        "spatial frequency (1/nm)",
        "ring correlation",
        guides=tuple(found),
        marks=tuple(
            (PER_ANGSTROM / period, f"{name}: {length(period)}")
            for name, period in found.items()
            if period is not None
        ),
        y_range=(min(-0.1, float(curve.correlation.min(initial=0)) - 0.03), 1.06),
        periods=True,
        statement=stated(found, float(curve.q[-1]), halves.end),
    )


def stated(found: dict[str, float | None], last: float, end: str) -> str:
    """The resolution in a few words: by the first criterion that gives one.

    `last` is the frequency of the last ring [1/Å], and `end` what there is no other for: what
    correlates up to there may do so further.
    """
    from recon.quality.halves import AT_LIMIT

    for name, period in found.items():
        if period is not None:
            why = end if period * last < AT_LIMIT else name
            return f"resolution {length(period)} ({why})"
    return "no resolution"


def denoised_key(request: Request) -> tuple:
    """What the denoised phase depends on besides G."""
    return *phase_key(request), request.noise.method, request.noise.strength


@at_rest("Denoising the phase", denoised_key)
def denoised(context: Context) -> LabelledImage:
    """The exact phase by least squares, denoised for the eye."""
    from recon.quality.denoise import denoise
    from recon.ssb.noise import counting_noise

    g, request, engine = context.g, context.request, context.engine
    how = context.sideband, request.band_limit
    phase = engine.phase(g, request.aberrations, "exact", *how)
    context.meter.check()
    noise = engine.placed.redraw(g, lambda: counting_noise(g, request.aberrations, *how))
    chosen = request.noise
    image = denoise(phase, noise, chosen.method, chosen.strength)
    label = f"{chosen.method} · {chosen.strength:g} σ"
    return LabelledImage(image, "rad, denoised", context.prepared.scan_sampling, label)


def tilt_key(request: Request) -> tuple:
    """What the tilt-corrected bright field depends on besides the electrons."""
    return request.aberrations, request.band_limit, request.noise.upsample


@at_rest("Correcting the tilt of the bright field", tilt_key)
def parallax(context: Context) -> LabelledImage:
    """The bright field of all pixels, each shifted back, on a lattice of its own."""
    g, request, scan = context.g, context.request, context.prepared.scan
    upsample = request.noise.upsample

    def work():
        return build.tilt_corrected(
            context.engine.events_on(scan, g.device, context.meter),
            g.calibration,
            request.aberrations,
            request.bright_field_pixels,
            g.device,
            upsample=upsample,
            band_limit=request.band_limit,
            progress=context.meter,
        )

    made = context.engine.placed.attempt(work)
    label = f"{upsample} × finer" if upsample > 1 else "image/mean"
    return LabelledImage(on_host(made.image), "", made.sampling, label)
