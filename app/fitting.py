"""What `livestem reconstruct` finds in the data: how the scan lies, and the aberrations."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import Any

from recon.aberration_fit import coefficients_to, fit_aberrations
from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.flatness import flatness
from recon.gfunction import Sidebands
from recon.optics import Aberrations
from recon.orientation_sheet import OrientationSheet
from recon.semiangle import fit_semiangle

MOVED_DEG = 0.1
"""Fitted change of the rotation from which G is built again for it."""


def orientation_record(sheet: OrientationSheet, refined=None) -> dict[str, Any]:
    """Rotation and transpose by curl and by sidebands, with both opinions.

    Parameters
    ----------
    sheet : OrientationSheet
    refined : (float, float), optional
        Angle and its error [deg] that a fit of the aberrations has found since: it is the one
        that is used.
    """
    best = sheet.best
    angle, error = refined or (best.rotation_deg, sheet.rotation_error)
    return {
        "rotation_deg": float(angle),
        "rotation_error": float(error),
        "transpose": bool(best.transpose),
        "atoms_positive": float(best.atoms_positive),
        "agree": sheet.agree,
        **_opinions(sheet),
        "candidates": [_plain(asdict(one)) for one in sheet.candidates],
        "statement": sheet.stated(refined),
    }


def _opinions(sheet: OrientationSheet) -> dict[str, Any]:
    """What curl and sidebands say each, None of one that says nothing."""
    curl, sidebands = sheet.by_curl, sheet.by_sidebands
    return {
        "by_curl": curl
        and {
            "rotation_deg": float(curl.rotation_deg),
            "rotation_error": float(curl.rotation_error),
            "transpose": bool(curl.transpose),
            "curl_ratio": float(curl.curl_ratio),
            "sign_confidence": float(curl.sign_confidence),
            "statement": curl.statement,
        },
        "by_sidebands": sidebands and _plain(asdict(sidebands)),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, None for those that are not known."""
    return {n: None if isinstance(v, float) and isnan(v) else v for n, v in values.items()}


@dataclass(frozen=True)
class Fitted:
    """Aberrations after a fit, and G as it then lies.

    Attributes
    ----------
    g : Sidebands
    aberrations : Aberrations
    names : tuple of str
        Coefficients that the fit determined.
    record : dict
        What is to be known of it, ready for JSON.
    """

    g: Sidebands
    aberrations: Aberrations
    names: tuple[str, ...]
    record: dict[str, Any]


def fit_to_data(
    build: Callable[[Calibration], Sidebands],
    calibration: Calibration,
    start: Aberrations,
    orders: int,
    *,
    locked=(),
    rotation_error: float | None = None,
    semiangle: bool = False,
    progress=None,
) -> Fitted:
    """Aberrations fitted to G, and rotation and semi-angle if wanted, for which G is built again.

    Parameters
    ----------
    build : callable
        Makes G of a calibration; with the triple overlap, which tells of a defocus what the
        sidebands alone do not.
    calibration : Calibration
    start : Aberrations
    orders : int
    locked : collection of str
    rotation_error : float, optional
        Standard error of the calibration's angle [deg], where that is to be refined.
    semiangle : bool
        Whether the semi-angle is to be fitted, from the calibration's.
    progress : callable, optional

    Returns
    -------
    Fitted
        With the aberrations of the start, if the data do not tell any: the record says so.
    """
    tell = progress or (lambda fraction: None)
    g = build(calibration)
    locked = tuple(sorted(set(locked) & set(coefficients_to(orders))))
    record = {"orders": orders, "locked": list(locked), "flatness_before": flatness(g, start)}

    def fitted(g, aberrations, progress):
        known = calibration.rotation_deg, rotation_error
        turning = {} if rotation_error is None else {"rotation": True, "known": known}
        return fit_aberrations(g, aberrations, orders, locked=locked, **turning, progress=progress)

    first = g
    try:
        fit = fitted(g, start, lambda part: tell(0.5 * part))
        turned, turned_error = fit.rotation_deg, fit.rotation_error
        if turned is not None and abs(turned - calibration.rotation_deg) > MOVED_DEG:
            g = build(replace(calibration, rotation_deg=turned))
            fit = fitted(g, fit.aberrations, lambda part: tell(0.5 + 0.5 * part))
        if semiangle:
            record["semiangle"] = found = _semiangle(g, fit.aberrations)
            if found["semiangle_error"] is not None:
                g = build(replace(g.calibration, semiangle_cutoff=found["semiangle_cutoff"]))
                fit = fitted(g, fit.aberrations, lambda part: tell(0.5 + 0.5 * part))
    except Unfitted as refusal:
        record |= {"statement": str(refusal), "flatness_after": record["flatness_before"]}
        return Fitted(first, start, (), record)
    # Beside what was set at first, not what an earlier fit here has found.
    fit = replace(fit, flatness_before=record["flatness_before"])
    tell(1.0)
    record |= {
        "errors": fit.errors,
        "undetermined": list(fit.undetermined),
        "remarks": list(fit.remarks),
        "flatness_after": fit.flatness_after,
        "misfit": fit.misfit,
        "frequencies": fit.frequencies,
        "rotation_error": turned_error,
        "statement": fit.statement,
    }
    return Fitted(g, fit.aberrations, tuple(fit.errors), record)


def _semiangle(g: Sidebands, aberrations: Aberrations) -> dict[str, Any]:
    """The semi-angle that the sidebands show [mrad], or the one that was given, and why."""
    try:
        found = fit_semiangle(g, aberrations)
    except Unfitted as refusal:
        value, error, said = g.calibration.semiangle_cutoff, None, str(refusal)
    else:
        value, error, said = found.semiangle_cutoff, found.error, found.statement
    return {"semiangle_cutoff": value, "semiangle_error": error, "statement": said}
