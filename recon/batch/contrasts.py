"""What `livestem reconstruct` writes besides the phase when asked to, each under its label."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from recon.batch.results import proof
from recon.device.backend import on_host
from recon.errors import Unfitted
from recon.quality.halves import split_half
from recon.quality.ring_correlation import CRITERIA
from recon.result import Result
from recon.scan.kinds import ScanData, electrons
from recon.ssb.optimum import optimum_bright_field
from recon.ssb.phase import single_sideband
from recon.ssb.prior_fit import estimate_prior
from recon.ssb.tiles import gfunction_tiles, power_spectrum, strongest_frequencies


@dataclass(frozen=True)
class Contrasts:
    """What is asked for; nothing by default."""

    wiener: bool = False
    obf: bool = False
    parallax: bool = False
    upsample: int = 1
    """Pixels of the parallax image to a scan step."""
    frc: bool = False
    proof: bool = False
    """Spectrum and G tiles, by which the aberrations are judged."""

    def check(self, scan: ScanData, mode: str) -> None:
        """Refuse what cannot be made of a scan, before any work.

        Raises
        ------
        ValueError
        """
        if self.wiener and mode == "sum":
            raise ValueError(
                "A Wiener filter weights a least-squares phase: leave --wiener out, or take "
                "--mode exact or draft."
            )
        if self.frc and electrons(scan) is None:
            raise ValueError(
                "Frames cannot be split into two halves of their electrons: leave --frc out, or "
                "count the electrons first (livestem count)."
            )


def make(
    scan: ScanData,
    g,
    calibration,
    aberrations,
    choices,
    work,
    report: Callable[[str, float], None],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Results by their names in the file, and what there is to say of each.

    Parameters
    ----------
    g : Sidebands
    choices : Choices
        Of `recon.batch.choices`.
    work
        Of `recon.batch.places`.

    Returns
    -------
    results : dict of str to Result
        On the host; the curves of "ssb/resolution" are a dict of such.
    parameters : dict
        "labels" has a sentence for each dataset; others are named as the command's options.
    """
    asked, results, said, labels = choices.contrasts, {}, {}, {}
    if asked.wiener:
        _wiener(g, aberrations, choices, results, said, labels)
    if asked.proof:
        frequencies = strongest_frequencies(g)
        results |= proof(
            g, power_spectrum(g), frequencies, gfunction_tiles(g, aberrations, frequencies)
        )
    if asked.obf:
        sideband, limit = choices.sideband, choices.band_limit
        labels["ssb/obf"] = (
            "Optimum bright field: the phase with each frequency in units of its counting noise, "
            "no phase in radians."
        )
        image = optimum_bright_field(g, aberrations, sideband, limit)
        how = "counting noise", g.calibration.scan_sampling
        results["ssb/obf"] = Result(on_host(image), *how, title=labels["ssb/obf"])
    if asked.parallax:
        image = work.tilt_corrected(
            calibration,
            aberrations,
            choices.pixels_across,
            upsample=asked.upsample,
            band_limit=choices.band_limit,
            progress=lambda part: report("Shifting images", part),
        )
        said["parallax"] = {
            "upsample": asked.upsample,
            "sampling": list(image.sampling),
            "leakage": image.leakage,
        }
        labels["parallax/image"] = (
            "Tilt-corrected bright field (parallax): intensity relative to its mean, contrast "
            f"flipped where sin χ < 0; pixels of {image.sampling[0]:.4g} × "
            f"{image.sampling[1]:.4g} Å. No phase."
        )
        how = "of the mean intensity", tuple(map(float, image.sampling))
        results["parallax/image"] = Result(
            on_host(image.image), *how, title=labels["parallax/image"]
        )
    if asked.frc:
        halves = split_half(
            scan,
            calibration,
            aberrations,
            choices.pixels_across,
            mode=choices.mode,
            sideband=choices.sideband,
            band_limit=choices.band_limit,
            whole=None if choices.mode == "sum" else g,
            progress=lambda part: report("Correlating halves", part),
        )
        _resolution(halves, results, said, labels)
    return results, said | {"labels": labels}


def _wiener(g, aberrations, choices, results, said, labels) -> None:
    try:
        prior = estimate_prior(g, aberrations)
    except Unfitted as refusal:
        # What else was asked for is not lost with it.
        said["wiener"] = {"statement": f"{refusal} ssb/phase_wiener was left out."}
        return
    how = choices.mode, choices.sideband, choices.band_limit
    phase = single_sideband(g, aberrations, *how, prior)
    said["wiener"] = {
        **asdict(replace(prior, peaks=())),
        "peaks": len(prior.peaks),
        "statement": prior.statement,
    }
    labels["ssb/phase_wiener"] = (
        f"Wiener-filtered: phase with each frequency weighted by W / (W + 1 / S). "
        f"{prior.statement} The phase as measured is ssb/phase."
    )
    title = labels["ssb/phase_wiener"]
    results["ssb/phase_wiener"] = Result(
        on_host(phase), "rad", g.calibration.scan_sampling, title=title
    )


def _resolution(halves, results, said, labels) -> None:
    curve = halves.curve
    said["resolution"] = {
        **{name: halves.resolution(name) for name in CRITERIA},
        "statement": halves.statement,
    }
    labels["ssb/resolution/correlation"] = (
        f"Fourier ring correlation of the phases of two halves of the electrons. {halves.statement}"
    )
    labels["ssb/resolution/snr"] = "Signal to noise power of all electrons together."
    results["ssb/resolution"] = {
        "q": Result(curve.q, "1/Å", title="Spatial frequency of a ring."),
        "correlation": Result(curve.correlation, title=labels["ssb/resolution/correlation"]),
        "count": Result(curve.count, title="Frequencies in a ring."),
        "snr": Result(curve.snr, title=labels["ssb/resolution/snr"]),
    }
