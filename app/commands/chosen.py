"""What the options of `reconstruct` and `batch` ask for, as the recipe takes it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.commands import options

if TYPE_CHECKING:
    from recon.batch.choices import Choices


def chosen(asked: Mapping[str, Any]) -> "tuple[Choices, dict[str, Any]]":
    """The recipe's choices, and what a reader is told; the machine is set up for them.

    Parameters
    ----------
    asked : mapping
        Values of the options of `livestem reconstruct`, by their names in Python.

    Raises
    ------
    ValueError
        In one sentence, if they do not go together.
    DeviceError
        If there is no GPU but it is wanted.
    """
    coefficients = options.aberrations(asked["aberration"])
    fit, orders = asked["aberrations"] is not None, asked["orders"]
    about = {"--orders": orders is not None, "--fit-semiangle": asked["fit_semiangle"]}
    about["--fit-specimen"] = asked["fit_specimen"]
    if not fit and any(about.values()):
        option = next(name for name, given in about.items() if given)
        raise ValueError(f"{option} is about a fit: add --aberrations auto, or leave it out.")
    measures = ("thickness_nm", "tilt_mrad", "focal_spread_nm", "film_mrad")
    specimen = options.specimen(*(asked[name] for name in measures), asked["fit_specimen"])
    reading = {
        "keep_flyback": True if asked["keep_flyback"] else None,
        "scan_shape": asked["scan_shape"],
        **options.reading(asked["told"], asked["dwell_time_us"]),
    }
    # After what was typed was found right: these take a second.
    from app.server.config import limit_gpu, limit_threads, threads_from
    from recon.batch.choices import Choices
    from recon.batch.contrasts import Contrasts
    from recon.batch.distortions import straightening
    from recon.device.backend import choose

    energy, upsample = asked["energy_kev"], asked["upsample"]
    dpc = {name: asked[f"dpc_{name}"] for name in ("iterations", "highpass", "lowpass", "step")}
    parallax = asked["parallax"] or upsample != "1"
    found = {
        "energy": None if energy is None else energy * 1e3,
        "semiangle_cutoff": asked["semiangle_mrad"],
        "scan_sampling": asked["scan_step_angstrom"],
        "centre": asked["disc_centre"],
        "radius": asked["disc_radius"],
        "aberrations": coefficients,
        "fit": fit,
        "specimen": specimen,
        "pixels_across": asked["bright_field_pixels"],
        "dpc": _given(dpc),
        "contrasts": Contrasts(
            asked["wiener"],
            asked["obf"],
            parallax,
            upsample=int(upsample),
            frc=asked["frc"],
            proof=asked.get("report") is not None,
        ),
        "mask_faulty": asked["mask_hot"],
        "straightening": straightening(asked["descan"], asked["ellipse"], asked["shear"]),
        **{name: asked[name] for name in SAME},
    }
    choices = Choices(**_given(found))
    limit_gpu(choose(choices.device))
    limit_threads(threads_from())
    return choices, reading


SAME = (
    "rotation_deg",
    "transpose",
    "orders",
    "fit_semiangle",
    "fit_specimen",
    "fit_film",
    "mode",
    "sideband",
    "band_limit",
    "device",
    "subpixel",
)
"""Options that are called as the choices are."""


def _given(values: dict) -> dict:
    """What was typed; the rest is left to what `recon.batch.choices` says of it."""
    return {name: value for name, value in values.items() if value is not None}
