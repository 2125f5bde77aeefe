"""The health report of a scan."""

import numpy as np

from recon.device.backend import on_host
from recon.quality.health import pairs, pixels, trends
from recon.quality.health.finding import Finding, HealthReport
from recon.scan.kinds import by_kind, electrons
from recon.sums import centre_of_mass, outliers, pacbed
from recon.sums import dense as frames_sums
from recon.sums import detectors as virtual

EMPTY = "Check the file, and that the camera's threshold lets electrons through."


def health(scan, calibration=None, progress=None) -> HealthReport:
    """Findings on a scan, from a few passes over it, on its device.

    Parameters
    ----------
    scan : ElectronEvents or DenseFrames
        Of dense frames, whatever their unit, all but the double counts are looked for.
    calibration : Calibration, optional
        For the dose and the disc; without it the disc is fitted, and the scan step taken from the
        metadata if they have one.
    progress : callable, optional
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    HealthReport
        Its `findings`, each with its size and what to do.
    """
    tell = progress or (lambda fraction: None)
    counted = electrons(scan) is not None
    pattern = on_host(pacbed(scan, lambda f: tell(0.3 * f)))
    levels = pixels.levels_of(pattern, scan.excluded)
    hot = pixels.hot_pixels(levels, scan.excluded)
    lit = np.where(hot, 0, levels.counts - levels.floor)
    centre, radius = _disc(lit, calibration)
    single, sectors = pixels.dead_pixels(levels, hot, centre, radius, scan.excluded)
    keep = ~hot & ~levels.broken
    disc = virtual.annulus(scan.frame_shape, centre, 0, np.inf if radius is None else 1.3 * radius)
    seen = by_kind(scan, _seen_by_electrons, _seen_in_frames)
    totals, com, recorded = seen(scan, pattern, keep, disc, lambda f: tell(0.3 + 0.7 * f))
    frames, empty = _frames(totals, recorded, counted)
    findings = [
        _layout(scan),
        frames,
        *_dead(levels, single, sectors),
        _hot(levels, hot, centre, radius),
        trends.drift_found(totals, empty),
        _dose(scan, calibration, empty) if counted else _signal(totals),
        trends.flyback_found(scan, totals, com, empty),
        trends.descan_found(com, radius, empty),
    ]
    if counted:
        findings.append(pairs.pairs_found(scan, np.where(hot, 0, pattern), hot))
    tell(1.0)
    return HealthReport(tuple(findings), hot, single | sectors, pattern, totals)


def _seen_by_electrons(events, pattern, keep, disc, progress):
    """Electrons at each position, centres of mass in the disc, and the electrons again."""
    com = np.zeros((2, *events.scan_shape), np.float32)
    if events.electrons:
        com = on_host(centre_of_mass(events, keep & disc, lambda f: progress(0.4 * f)))
    counts = events.counts
    return counts, com, counts


def _seen_in_frames(frames, pattern, keep, disc, progress):
    """The same of what exceeds the camera's level in the disc, and all that is in there."""
    level = _beside(pattern, keep & ~disc) / frames.positions
    return _in_the_disc(frames, keep & disc, level, progress)


def _disc(pattern, calibration):
    """Centre and radius of the disc; the pattern's centre of mass and None without one."""
    if calibration is not None:
        return calibration.centre, calibration.radius
    return pixels.disc_of(pattern)


def _beside(pattern, dark):
    """What a pixel beside the disc holds, if there are enough of them to tell."""
    return float(np.median(pattern[dark])) if dark.mean() > 0.1 else 0.0


def _in_the_disc(frames, mask, level, progress):
    """Sums and centres of mass over a mask, of what exceeds a level in each pixel.

    And the sums of all that is in them, level or not.
    """
    sums, com = frames_sums.sums_and_centres(frames, mask, progress)
    places, nothing = np.argwhere(mask), sums == 0
    if not level or not len(places):
        return sums, com, sums
    above = sums - level * len(places)
    typical = outliers.typical(above, ~nothing)
    lit = (above > 0.1 * typical) & (typical > 0)
    if lit.any():
        flat = places.mean(0)[:, None, None]
        com = np.divide(com * sums - level * len(places) * flat, above, out=com.copy(), where=lit)
        com[:, ~lit] = com[:, lit].mean(1, keepdims=True)
    return np.where(nothing, 0, above), com, sums


def _layout(scan):
    source = scan.source
    values = {
        "rows": (scan.scan_shape[0], "positions"),
        "columns": (scan.scan_shape[1], "positions"),
        "frames a position": (source.frames_per_position, ""),
    }
    if (number := electrons(scan)) is not None:
        values["electrons"] = number, ""
    return Finding(
        "layout",
        values,
        "look" if source.notes else "ok",
        " ".join([f"{source.format}, {trends.FLYBACK[source.flyback]}.", *source.notes]),
        "Check that this is what the microscope did." if source.notes else "",
    )


def _frames(counts, recorded, counted):
    """The finding, and where frames are empty, of which nothing is `recorded` at all."""
    nothing = recorded == 0
    dispersion = outliers.dispersion_of(recorded, counted, nothing)
    empty = outliers.empty(recorded, nothing, dispersion)
    if counts is not recorded:
        dispersion = outliers.dispersion_of(counts, counted, nothing)
    typical = outliers.typical(counts, ~empty)
    # Empty frames are no neighbours to judge others by.
    judged = np.where(empty, typical, counts) if empty.any() else counts
    thin = outliers.too_few(judged, dispersion) & ~empty
    full = outliers.too_many(judged, dispersion)
    numbers = {
        "empty": int(empty.sum()),
        "far less in them than their neighbours": int(thin.sum()),
        "far more in them than their neighbours": int(full.sum()),
    }
    wrong = sum(numbers.values())
    told = [
        f"{number} frame{'s are' if number > 1 else ' is'} {what}"
        if what == "empty"
        else f"{number} frame{'s have' if number > 1 else ' has'} {what}, beyond noise"
        for what, number in numbers.items()
        if number
    ]
    finding = Finding(
        "frames",
        {
            f"{'electrons in' if counted else 'sum of'} a frame (median)": (typical, ""),
            "variance over mean": (dispersion, ""),
            "empty frames": (int(empty.sum()), ""),
            "empty or thin frames": (int((empty | thin).sum()), ""),
            "over-full frames": (int(full.sum()), ""),
        },
        "ok" if not wrong else "bad" if wrong > 0.01 * counts.size else "look",
        f"{'; '.join(told)} (of {counts.size})."
        if wrong
        else "No frame has far less or far more in it than its neighbours, beyond noise.",
        "Frames were lost or counted badly: crop around them if there are many." if wrong else "",
        full.astype(np.int8) - (empty | thin),
    )
    return finding, empty


def _dead(levels, single, sectors):
    yield Finding(
        "dead pixels",
        {"pixels": (int(single.sum()), ""), "found down to": (_least(levels), "electrons")},
        "look" if single.any() else "ok",
        f"{_pixels(single, 'single ')} less than half of what the pixels around have.",
        "They are missing in sums: mask them, so that G knows." if single.any() else "",
        single,
    )
    yield Finding(
        "dead sectors",
        {"share of the detector": (100 * float(sectors.mean()), "%")},
        "bad" if sectors.any() else "ok",
        f"Patches with {int(sectors.sum())} pixels have less than a tenth of what the rest has "
        "at their scattering angle, or in the disc."
        if sectors.any()
        else "No block of the detector is dark where its ring is lit.",
        "A sector, or a beam stop: COM and annular images are biased there; check the camera."
        if sectors.any()
        else "",
        sectors,
    )


def _pixels(mask, kind=""):
    """How many there are, as the beginning of a sentence."""
    number = int(mask.sum())
    if number > 1:
        return f"{number} {kind}pixels have"
    return f"{'1' if number else 'No'} {kind}pixel has"


def _least(levels):
    """Electrons a neighbourhood needs before a pixel without any is noticed."""
    return float(np.ceil(-2 * np.log(outliers.FALSE_ALARMS / levels.counts.size)))


def _hot(levels, hot, centre, radius):
    pattern = levels.counts - levels.floor
    values = {"hot pixels": (int(hot.sum()), "")}
    values["their share"] = (100 * float(pattern[hot].sum() / max(pattern.sum(), 1)), "%")
    if radius is not None:
        disc = virtual.annulus(pattern.shape, centre, 0, radius)
        values["in the disc"] = (int((hot & disc).sum()), "")
    share = values["their share"][0]
    return Finding(
        "hot pixels",
        values,
        "ok" if not hot.any() else "bad" if share > 0.1 else "look",
        f"{_pixels(hot)} more than the pixels around make possible"
        f"{f' ({share:.2g} % of all)' if hot.any() else ''}.",
        "Mask them: they pull the centre of mass of every frame." if hot.any() else "",
        hot,
    )


def _dose(events, calibration, empty):
    step = calibration.scan_sampling if calibration else events.metadata.get("scan_sampling")
    lit = events.positions - int(empty.sum())
    mean = events.electrons / max(lit, 1)
    values = {"electrons a position": (mean, "")}
    where = "" if lit == events.positions else " that is not empty"
    text = f"{mean:.1f} electrons were counted at a position{where}"
    if step is not None:
        dose = mean / (step[0] * step[1])
        values["dose on the detector"] = (dose, "e/Å²")
        text += f", {float(f'{dose:.3g}'):g} e/Å² at a step of {step[0]:.3g} × {step[1]:.3g} Å"
    if not events.electrons:
        return Finding("dose", values, "bad", "No electron was counted in the whole scan.", EMPTY)
    return Finding("dose", values, "ok", text + "; electrons beside the detector are not in it.")


def _signal(totals):
    mean = float(totals.mean())
    if not totals.any():
        values = {"mean sum of a frame": (mean, "")}
        return Finding("signal", values, "bad", "All frames are empty.", EMPTY)
    return Finding(
        "signal",
        {"mean sum of a frame": (mean, "")},
        "ok",
        f"A frame sums to {mean:.4g} on average; a dose needs the camera's counts per electron.",
    )
