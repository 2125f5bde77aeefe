"""What `livestem reconstruct` finds in the data: how the scan lies, and the aberrations."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import Any

from recon.calibration import Calibration
from recon.errors import Unfitted
from recon.focus.fit import coefficients_to, fit_aberrations
from recon.focus.flatness import flatness
from recon.focus.semiangle import ROUNDS, STANDS, fit_semiangle, rescaled
from recon.focus.specimen import fit_in_turn
from recon.optics import Aberrations
from recon.orientation.sheet import OrientationSheet
from recon.ssb.gfunction import Sidebands

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
        "asked": list(sheet.asked),
        "agree": sheet.agree,
        **_opinions(sheet),
        "candidates": [_plain(asdict(one)) for one in sheet.candidates],
        "statement": sheet.stated(refined),
    }


def _opinions(sheet: OrientationSheet) -> dict[str, Any]:
    """What curl and sidebands say each; None of one that says nothing, or was not asked."""
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
    specimen: bool = False,
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
    specimen : bool
        Whether thickness and tilt are to be fitted in turn with the aberrations.
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

    def fitted(g, aberrations, progress=None, checked=True):
        known = calibration.rotation_deg, rotation_error
        how = {"locked": locked, "rotation": rotation_error is not None, "known": known}
        how |= {"checked": checked, "progress": progress}
        return fit_aberrations(g, aberrations, orders, **how)

    first = g
    try:
        fit = fitted(g, start, lambda part: tell(0.4 * part), not semiangle)
        turned, turned_error = fit.rotation_deg, fit.rotation_error
        if turned is not None and abs(turned - calibration.rotation_deg) > MOVED_DEG:
            g = build(replace(calibration, rotation_deg=turned))
            fit = fitted(g, fit.aberrations, lambda part: tell(0.4 + 0.2 * part), not semiangle)
        if semiangle:
            g, fit, record["semiangle"] = _with_semiangle(
                build, g, fit, fitted, lambda part: tell(0.6 + 0.4 * part)
            )
        if specimen:
            fit, thick = fit_in_turn(g, fit.aberrations, orders, locked=locked)
            g = g.through(thick.specimen)
            record["specimen"] = {
                **asdict(thick.specimen),
                "errors": thick.errors,
                "undetermined": list(thick.undetermined),
                "misfit_before": thick.misfit_before,
                "misfit": thick.misfit,
                "statement": thick.statement,
            }
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


def _with_semiangle(build, g: Sidebands, fit, fitted, tell):
    """G, the fit and a record of the semi-angle that the sidebands show, or why it stays.

    The aberrations and the semi-angle are fitted in turn until the latter stands.
    """
    given = g.calibration.semiangle_cutoff
    found = None
    for number in range(ROUNDS):
        try:
            before, found = found, fit_semiangle(g, fit.aberrations, build=build)
        except Unfitted as refusal:
            if found is None:
                said = {"semiangle_cutoff": given, "semiangle_error": None}
                return g, fitted(g, fit.aberrations), said | {"statement": str(refusal)}
            raise
        told = found.semiangle_cutoff
        g_scale = told / g.calibration.semiangle_cutoff
        g = build(replace(g.calibration, semiangle_cutoff=told))
        tell((number + 0.5) / ROUNDS)
        last = before and abs(told - before.semiangle_cutoff) < STANDS * found.error
        fit = fitted(g, rescaled(fit.aberrations, g_scale), None, bool(last))
        tell((number + 1) / ROUNDS)
        if last:
            break
    else:
        raise Unfitted(
            f"Semi-angle and aberrations do not come to rest together (last {told:.2f} mrad): "
            "nothing was changed."
        )
    said = f"Semi-angle {told:.2f} ± {found.error:.2f} mrad ({given:g} mrad given)."
    known = {"semiangle_cutoff": told, "semiangle_error": found.error, "statement": said}
    return g, fit, known
