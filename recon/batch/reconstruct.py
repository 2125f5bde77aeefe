"""A scan, or a file of one, to all results: what `livestem reconstruct` and Python do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recon.batch import contrasts
from recon.batch.choices import Choices
from recon.batch.distortions import put_straight
from recon.batch.film import film_map, with_film
from recon.batch.fitting import Fitted, fit_to_data
from recon.batch.geometry import Found, settle_disc, settle_orientation, useful_refinement
from recon.batch.given import given_aberrations, given_geometry, settle_sources
from recon.batch.parameters import Used, parameters
from recon.batch.places import Here, OnWorkers
from recon.batch.results import integrated, named
from recon.batch.settings import AUTO, Treatment
from recon.batch.sources import COMMAND, DEFAULT, FIT, Sources
from recon.batch.treatment import Step, in_use, without_faults
from recon.device.backend import CPU, DeviceError, choose, on_host
from recon.errors import DiscNotFound
from recon.geometry.disc import fit_disc
from recon.io import open_scan
from recon.io.results import write_results
from recon.orientation.by_curl import find_orientation
from recon.orientation.eight_ways import beside_curl
from recon.quality.health import faulty_pixels
from recon.scan.kinds import ScanData, checked, electrons, on_device
from recon.specimen import THIN
from recon.ssb.build import too_large
from recon.ssb.phase import object_transmission, single_sideband
from recon.sums import pacbed
from recon.sums.com import scan_deflection

Report = Callable[[str, float], None]


def reconstruct_file(
    path: Path,
    output: Path,
    choices: Choices,
    *,
    reading: Mapping[str, Any] | None = None,
    report: Report = lambda task, fraction: None,
    cluster=None,
    beyond=None,
    also: Callable[[dict, dict], None] = lambda results, parameters: None,
) -> dict[str, Any]:
    """Reconstruct the scan in `path` and write every result to the HDF5 file `output`.

    Parameters
    ----------
    path, output : Path
        A scan in any format that is known, and the file to write; the latter appears whole or not
        at all.
    choices : Choices
        Calibration, aberrations and methods.
    reading : mapping, optional
        What `recon.io.open_scan` is told besides, such as `scan_shape`.
    report : callable
        Called as `report(task, fraction)` now and then.
    cluster : recon.cluster.connection.Cluster, optional
        Whose workers sum the scan and hold G.
    beyond : callable, optional
        Connects such a cluster for a scan that this machine does not hold with its G.
    also : callable
        Called as `also(results, parameters)` with what was written.

    Returns
    -------
    dict
        The parameters written beside the results: every value used and where it came from.

    Raises
    ------
    ValueError
        In one sentence: unreadable file, missing calibration, no electrons, no disc.
    DeviceError
        If there is no GPU but it is wanted, or it fails.
    """
    name = Path(path).name
    events = open_scan(
        path, progress=lambda part: report(f"Reading {name}", part), **(reading or {})
    )
    source = None
    if (cluster or beyond) is not None:
        from recon.cluster.sources import file_rows  # with Dask's, which others need not have

        source = file_rows(path, **(reading or {}))
    how = {"report": report, "cluster": cluster, "source": source, "beyond": beyond}
    results, parameters = reconstruct(events, choices, **how)
    write_results(output, results, parameters)
    also(results, parameters)
    return parameters


def reconstruct(
    events: ScanData,
    choices: Choices,
    *,
    report: Report = lambda task, fraction: None,
    cluster=None,
    source=None,
    beyond=None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """All results of a scan by their names in the HDF5 file, and the parameters used.

    What a device that was not asked for by name cannot do is done again on the CPU; the parameters
    say so.

    Parameters
    ----------
    events : ElectronEvents or DenseFrames
    choices : Choices
        What is asked for; what is left out is the file's or the default.
    report : callable
        Called as `report(task, fraction)` now and then.
    cluster : recon.cluster.connection.Cluster, optional
        Whose workers sum the scan and hold G.
    source : recon.cluster.sources.FileRows, optional
        The file that the scan is of, where its workers read it.
    beyond : callable, optional
        As for `reconstruct_file`.

    Returns
    -------
    results : dict of str to Result
        "ssb/phase", "com", "pacbed" and others, each an array with its unit, its sampling and a
        title; the curves of "ssb/resolution" are a dict of such.
    parameters : dict
        Every value used and where it came from.

    Raises
    ------
    ValueError
        In one sentence: missing calibration, no electrons, no disc.
    DeviceError
        If there is no GPU but it is wanted, or it fails.
    """
    if electrons(events) == 0:
        raise ValueError(
            "There are no electrons in the scan of {} × {} positions: "
            "nothing can be reconstructed.".format(*events.scan_shape)
        )
    choices.contrasts.check(events, choices.mode)
    if cluster is not None:
        # What the workers have is theirs; the rest is small.
        return _reconstruct(events, choices, CPU, report, cluster, source)
    device, failure = choose(choices.device), None
    try:
        return _reconstruct(events, choices, device, report, here_only=beyond is None)
    except _TooLarge:
        return _reconstruct(events, choices, CPU, report, beyond(), source)
    except DeviceError as error:
        if device is CPU or choices.device == "gpu":
            raise
        failure = str(error)
    results, said = _reconstruct(events, choices, CPU, report)
    said["device"]["statement"] = f"{failure} Computed on the CPU instead."
    return results, said


@dataclass(frozen=True, eq=False)
class Treated:
    """A scan in use, and what was done to it."""

    scan: ScanData
    pattern: Any
    """(Ky, Kx) sum of its frames, on the host."""
    whole: ScanData
    """The same with all its electrons, by which the geometry is found."""
    steps: tuple[Step, ...]
    treatment: Treatment
    """As it was settled."""
    hot: Any
    dead: Any
    """(Ky, Kx) bool masks of the faulty pixels of the scan as read."""


class _TooLarge(Exception):
    """A scan with its G that the device does not hold."""


def _reconstruct(events, choices, device, report, cluster=None, source=None, *, here_only=True):
    """`reconstruct` on one device; the results are in the host's memory.

    Raises `_TooLarge` unless it is to be done here whatever its size.
    """
    sources = Sources(events.metadata)
    geometry = given_geometry(sources, choices)
    report("Summing frames", 0.0)
    read = on_device(checked(events), device)
    treated = _treated(read, choices, geometry, report)
    found = _found(treated, choices, geometry, events.metadata, report)
    settle_sources(sources, geometry, found)
    # A fit wants the triple overlap: out of focus it holds much of what there is.
    full = choices.sideband == "full" or choices.fit
    pixels = choices.pixels_across
    if cluster is None:
        how = treated.scan, found.calibration, pixels, full, device
        if not here_only and too_large(*how):
            raise _TooLarge
        work = Here(treated.scan, device)
    else:
        work = OnWorkers(treated.scan, cluster, source if treated.scan is read else None)
    deflection = work.centre_of_mass()
    report("Summing frames", 1.0)
    aberrations = given_aberrations(sources, choices)
    sources.origin["specimen"] = DEFAULT if choices.specimen == THIN else COMMAND

    made_of = work.builder(found.calibration, pixels, full)
    scan = work.scan

    def build(calibration):
        told = lambda part: report("Transforming", part)  # noqa: E731
        return made_of(calibration, progress=told).through(choices.specimen)

    fit, refined = None, None
    if choices.fit:
        fit = _fitted(build, found, aberrations, choices, sources, report)
        g, aberrations = fit.g, fit.aberrations
        if found.sheet is not None and fit.record.get("rotation_error") is not None:
            refined = g.calibration.rotation_deg, fit.record["rotation_error"]
        found = replace(found, calibration=g.calibration)
    else:
        g = build(found.calibration)
    film = None
    if choices.fit_film:
        told = lambda part: report("Fitting the film's focus", part)  # noqa: E731
        g, aberrations, film = with_film(scan, g, aberrations, pixels, told)
        if "film" in film:
            sources.origin.update(C10=FIT, specimen=FIT)
    calibration, dpc = found.calibration, choices.integration()
    com = scan_deflection(device.xp.asarray(deflection), calibration)
    made = {"com": com, "pacbed": treated.pattern}
    made |= _images(g, aberrations, com, choices, dpc, work, report)
    results = named(scan, calibration, made, choices.annulus) | film_map(g, aberrations)
    besides, labels = contrasts.make(scan, g, calibration, aberrations, choices, work, report)
    used = Used(
        scan=scan,
        metadata=events.metadata,
        steps=treated.steps,
        hot=treated.hot,
        dead=treated.dead,
        region=choices.region,
        treatment=treated.treatment,
        geometry=geometry,
        found=found,
        g=g,
        aberrations=aberrations,
        pixels_across=pixels,
        mode=choices.mode,
        sideband=choices.sideband,
        band_limit=choices.band_limit,
        annulus=choices.annulus,
        dpc=dpc,
        sources=sources.origin,
        fit=fit and fit.record,
        film=film,
        refined=refined,
    )
    return results | besides, parameters(used) | labels


def _images(g, aberrations, com, choices, dpc, work, report) -> dict[str, Any]:
    """Phase and transmission of G, the phase integrated from the COM, and virtual images."""
    report("Reconstructing", 0.0)
    how = aberrations, choices.mode, choices.sideband, choices.band_limit
    phase, transmission = single_sideband(g, *how), object_transmission(g, *how)
    report("Reconstructing", 1.0)
    told = lambda part: report("Integrating", part)  # noqa: E731
    dpc_phase = integrated(com, g.calibration, dpc, told).phase
    images = work.virtual_images(g.calibration, choices.annulus)
    made = {"ssb/phase": phase, "ssb/object": transmission, "dpc/phase": dpc_phase}
    return made | {f"virtual/{name}": image for name, image in images.items()}


def _treated(scan, choices, geometry, report) -> Treated:
    """The scan in use, step by step as `recon.batch.treatment` says."""
    pattern = on_host(pacbed(scan))
    hot, dead = faulty_pixels(pattern, scan.excluded)
    treatment, steps, whole, metadata = choices.treatment(), [], scan, scan.metadata
    if treatment.mask_faulty:
        whole, step = without_faults(whole, hot, dead)
        steps.append(step)
        pattern = on_host(pacbed(whole))
    straight, done = put_straight(whole, pattern, choices.straightening, treatment.disc, report)
    steps += done
    if treatment.refine == AUTO:
        fit = lambda: fit_disc(on_host(pacbed(straight)))  # noqa: E731
        known = geometry, metadata, choices.pixels_across
        treatment = replace(treatment, refine=useful_refinement(straight, fit, *known))
    full, done = in_use(straight, choices.region, treatment.at_full_dose())
    part = full
    if treatment != treatment.at_full_dose():
        part, done = in_use(straight, choices.region, treatment)
    if part is not whole:
        pattern = on_host(pacbed(part))
    return Treated(part, pattern, full, (*steps, *done), treatment, hot, dead)


def _found(treated: Treated, choices, geometry, metadata, report) -> Found:
    """Disc, orientation and calibration, as `recon.batch.geometry` settles them.

    Raises
    ------
    DiscNotFound
        If there is no disc, neither in the data nor in the file.
    """
    whole, region = treated.whole, choices.region
    pattern = treated.pattern if whole is treated.scan else on_host(pacbed(whole))
    found = settle_disc(lambda: fit_disc(pattern), geometry, region, treated.treatment, metadata)
    if found.centre is None:
        raise DiscNotFound(found.disc_statement)
    return settle_orientation(
        found,
        geometry,
        region,
        lambda sampling: find_orientation(whole, sampling, found.centre, found.radius),
        lambda *known: beside_curl(
            whole, *known, lambda part: report("Finding the orientation", part)
        ),
    )


def _fitted(build, found: Found, aberrations, choices, sources, report) -> Fitted:
    """Aberrations, and what goes with them, fitted to G; the sources say so."""
    fit = fit_to_data(
        build,
        found.calibration,
        aberrations,
        choices.orders,
        locked=choices.aberrations,
        rotation_error=found.sheet and float(found.sheet.rotation_error),
        semiangle=choices.fit_semiangle,
        specimen=choices.fit_specimen,
        progress=lambda part: report("Fitting aberrations", part),
    )
    sources.origin.update(dict.fromkeys(fit.names, FIT))
    if fit.record.get("specimen", {}).get("errors"):
        sources.origin["specimen"] = FIT
    if fit.record.get("semiangle", {}).get("semiangle_error") is not None:
        sources.origin["semiangle_cutoff"] = FIT
    return fit
