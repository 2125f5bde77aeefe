"""The recipe over many scans, one after the other: what `livestem batch` does.

What is done and unchanged is not done again; a scan that fails costs no other; whoever stops it
finds whole results only.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import h5py

from recon.batch import unchanged
from recon.batch.choices import Choices
from recon.batch.reconstruct import reconstruct
from recon.batch.versions import versions
from recon.cluster.failure import WorkerLost
from recon.device.backend import DeviceError, choose
from recon.io import open_scan
from recon.io.results import write_results
from recon.listing import scans_below

Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Done:
    """What became of a scan."""

    scan: Path
    results: Path
    """The HDF5 file, which is there unless it failed."""
    state: str
    """"done", "unchanged" (it was there already) or "failed"."""
    parameters: Mapping[str, Any]
    """As they stand in the file; empty where it failed."""
    sentence: str = ""
    """Why it failed."""


def scans_of(sources: Sequence[Path | str], leave_out: Path | None = None) -> list[Path]:
    """The scans that are meant, each once, in the order they are named.

    Parameters
    ----------
    sources : sequence of path-like
        Files; folders, which are looked through; patterns such as `day1/*.h5`; text files (.txt)
        that name one of these a line, paths in them being relative to the list.
    leave_out : Path, optional
        A folder of results: what lies in it is no scan.

    Raises
    ------
    ValueError
        In one sentence: one of them is not there, or none is a scan.
    """
    found: dict[Path, None] = {}
    for source in sources:
        found.update(dict.fromkeys(_scans(Path(source))))
    if leave_out is not None:
        inside = leave_out.resolve()
        found = {path: None for path in found if not path.resolve().is_relative_to(inside)}
    if not found:
        raise ValueError(f"There is no scan in {', '.join(map(str, sources))}.")
    return list(found)


def _scans(source: Path) -> Iterator[Path]:
    if source.is_dir() and source.suffix != ".zarr":
        yield from scans_below(source)
    elif source.suffix == ".txt" and source.is_file():
        for line in source.read_text(encoding="utf-8").splitlines():
            if name := line.partition("#")[0].strip():
                yield from _scans(source.parent / name)
    elif source.exists():
        yield source
    elif any(each in source.name for each in "*?["):
        matched = sorted(source.parent.glob(source.name))
        if not matched:
            raise ValueError(f"No file is called as {source} says.")
        yield from matched
    else:
        raise ValueError(f"There is no {source}.")


def names_of(scans: Sequence[Path]) -> dict[Path, str]:
    """A name for each scan's results: its own without the ending, with more of its path if needed.

    Parameters
    ----------
    scans : sequence of Path

    Returns
    -------
    dict of Path to str
        No two are alike, capitals and small letters being the same.
    """
    names = {path: path.stem for path in scans}
    for longer in (lambda path: path.name, lambda path: "_".join(path.parts).lstrip("/\\_")):
        taken: dict[str, list[Path]] = {}
        for path, name in names.items():
            taken.setdefault(name.casefold(), []).append(path)
        for paths in taken.values():
            if len(paths) > 1:
                names |= {path: longer(path) for path in paths}
    return names


def reconstruct_many(
    scans: Sequence[Path],
    folder: Path,
    choices: Choices,
    *,
    reading: Mapping[str, Any] | None = None,
    report: Report = lambda task, fraction: None,
    cluster=None,
    beyond=None,
) -> Iterator[Done]:
    """Reconstruct scan after scan into `folder`, and tell of each what became of it.

    Parameters
    ----------
    scans : sequence of Path
    folder : Path
        Made if it is not there; NAME.h5 for each scan, which appears whole or not at all.
    choices : Choices
        The same for all.
    reading : mapping, optional
        What `recon.io.open_scan` is told besides, such as `scan_shape`.
    report : callable
        Called as `report(task, fraction)` now and then.
    cluster : recon.cluster.connection.Cluster, optional
        Whose workers each take a scan at a time: they read it and write its results, so that both
        have to lie where all of them see them.
    beyond : callable, optional
        As for `recon.batch.reconstruct.reconstruct_file`, where `cluster` is left out.

    Yields
    ------
    Done

    Raises
    ------
    OSError
        If the folder cannot be written to.
    DeviceError
        If there is no GPU but it is wanted: that is no scan's fault.
    """
    choose(choices.device)
    folder.mkdir(parents=True, exist_ok=True)
    told = {"choices": asdict(choices), "reading": dict(reading or {}), "versions": versions()}
    settings = unchanged.key(told)
    wanted = [(scan, folder / f"{name}.h5") for scan, name in names_of(scans).items()]
    how = choices, settings, reading
    if cluster is not None:
        yield from _by_workers(cluster, wanted, how)
        return
    for scan, results in wanted:
        yield _become(scan, results, how, report, beyond=beyond)


def _by_workers(cluster, wanted, how) -> Iterator[Done]:
    """What became of each scan, as the workers get done, in the order of the scans."""
    tasks = [
        cluster.client.submit(_become, *(path.resolve() for path in each), how, pure=False)
        for each in wanted
    ]
    try:
        for (scan, results), task in zip(wanted, tasks, strict=True):
            try:
                yield replace(cluster.result(task), scan=scan, results=results)
            except WorkerLost:
                # What one worker does not hold, all of them may, in slabs.
                yield _become(scan, results, how, cluster=cluster)
    finally:
        for task in tasks:
            task.cancel()


def _become(scan, results, how, report: Report = lambda task, fraction: None, **where) -> Done:
    """Reconstruct a scan unless that was done already; whatever fails is told, not raised."""
    choices, settings, reading = how
    try:
        known = parameters_of(results)
        if unchanged.is_unchanged(scan, known.get("batch"), settings):
            return Done(scan, results, "unchanged", known)
        parameters = _one(scan, results, choices, settings, reading, report, **where)
        return Done(scan, results, "done", parameters)
    except Exception as error:
        # Whatever it is, the next scan may be better.
        logging.getLogger(__name__).debug("%s failed.", scan, exc_info=True)
        foreseen = isinstance(error, ValueError | OSError | DeviceError) and str(error)
        sentence = str(error) if foreseen else f"{type(error).__name__}: {error}"
        return Done(scan, results, "failed", {}, sentence)


def _one(scan, results, choices, settings, reading, report, **where) -> Mapping[str, Any]:
    start, before, stop = monotonic(), unchanged.stamps(scan), Event()
    # Beside the reconstruction, which reads the same bytes.
    with ThreadPoolExecutor(1, "livestem-checksum") as aside:
        contents = aside.submit(unchanged.contents, scan, stop)
        try:
            progress = lambda part: report(f"Reading {scan.name}", part)  # noqa: E731
            events = open_scan(scan, progress=progress, **(reading or {}))
            made, parameters = reconstruct(
                events, choices, report=report, **_there(scan, reading, **where)
            )
        except BaseException:
            stop.set()
            raise
        record = {"settings": settings, "stamps": before, "contents": contents.result()}
    parameters |= {"batch": record | {"seconds": monotonic() - start}}
    write_results(results, made, parameters)
    return parameters_of(results)


def _there(scan, reading, cluster=None, beyond=None) -> dict[str, Any]:
    """How `reconstruct` is told of a cluster, and of the file that its workers see; or nothing."""
    if (cluster or beyond) is None:
        return {}
    from recon.cluster.sources import file_rows  # with Dask's, which others need not have

    source = file_rows(scan, **(reading or {}))
    return {"cluster": cluster, "beyond": beyond, "source": source}


def parameters_of(results: Path) -> dict[str, Any]:
    """The `parameters` in a file of results; empty where there is no such file."""
    try:
        with h5py.File(results, "r") as file:
            return json.loads(file.attrs["parameters"])
    except (OSError, KeyError, ValueError):
        return {}
