"""`livestem count`: electron events from a camera's raw frames."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands import options, paths
from app.commands.console import one_task, progress


def count(
    raw: Annotated[Path, typer.Argument(metavar="RAW", help="Raw frames of a camera.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help="File to write: .h5, .npz or .toml."),
    ],
    dark: Annotated[
        Path | None,
        typer.Option(metavar="DARK", help="Dark frames, without beam; their mean is subtracted."),
    ] = None,
    gain: Annotated[
        Path | None,
        typer.Option(metavar="GAIN", help="Gain reference; frames are divided by it."),
    ] = None,
    scan_shape: options.ScanShape = None,
    told: options.Told = None,
    background_threshold: Annotated[
        float | None,
        typer.Option(
            parser=options.positive,
            metavar="VALUE",
            help="Values above it are signal, in dark-subtracted camera units. [default: fitted]",
        ),
    ] = None,
    xray_threshold: Annotated[
        float | None,
        typer.Option(
            parser=options.positive,
            metavar="VALUE",
            help="Values from here on are x-rays, not electrons. [default: fitted]",
        ),
    ] = None,
    method: Annotated[
        Literal["maximum", "cluster"],
        typer.Option(help="What an electron is: a local `maximum` or a connected `cluster`."),
    ] = "maximum",
    common: Annotated[
        Literal["none", "rows", "columns", "both"],
        typer.Option(help="Offsets to take off each frame: `none`, `rows`, `columns` or `both`."),
    ] = "none",
    saturation: Annotated[
        float | None,
        typer.Option(
            parser=options.positive,
            metavar="VALUE",
            help="Raw number of a saturated pixel. [default: the largest of an integer type]",
        ),
    ] = None,
    subpixel: Annotated[
        bool,
        typer.Option("--subpixel", help="Keep positions finer than a pixel."),
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            metavar="auto|cpu|gpu",
            parser=options.device,
            help="Where to count: `auto` takes a GPU where there is one.",
        ),
    ] = "auto",
):
    """Count electrons in a camera's raw frames and write them as events (.h5, .npz, .toml)."""
    for source in (raw, dark, gain):
        # A folder may be a Zarr store.
        if source is not None and not source.is_dir():
            paths.input_file(source)
    paths.events_file(output, source=raw)
    known = options.told(told)
    from app.server.config import limit_gpu, limit_threads, threads_from
    from recon.counting.correction import Readout
    from recon.counting.count import count_electrons, estimate_thresholds, sample_frames
    from recon.counting.thresholds import Thresholds
    from recon.device.backend import CPU, choose
    from recon.io import open_frames, write_events

    # The GPU counts in one way, which is the usual one.
    usual = method == "maximum" and common == "none"
    place = CPU if device == "auto" and not usual else choose(device)
    limit_gpu(place)
    limit_threads(threads_from())
    frames = open_frames(raw, scan_shape=scan_shape, **known)
    for note in frames.source.notes:
        typer.echo(note, err=True)
    correction = {
        "dark": None if dark is None else _mean(dark),
        "gain": None if gain is None else _mean(gain),
        "readout": Readout(saturation, common),
    }
    if background_threshold is None or xray_threshold is None:
        fitted = estimate_thresholds(sample_frames(frames), **correction)
        typer.echo(fitted.statement, err=True)
        background_threshold = background_threshold or fitted.background
        xray_threshold = xray_threshold or fitted.xray
    thresholds = Thresholds(background_threshold, xray_threshold)
    with progress() as report:
        events = count_electrons(
            frames,
            thresholds=thresholds,
            method=method,
            subpixel=subpixel,
            device=place,
            progress=one_task(report, f"Counting {raw.name}"),
            **correction,
        )
        write_events(output, events, progress=one_task(report, f"Writing {output.name}"))
    mean = events.electrons / events.positions
    typer.echo(f"{events.electrons} electrons, {mean:.4g} a frame.", err=True)


def _mean(path: Path):
    """Mean frame of a file."""
    import numpy as np

    from recon.io import open_frames

    frames = open_frames(path, scan_shape=None, reference=True)
    total = np.zeros(frames.frame_shape)
    for _, slab in frames.slabs():
        total += slab.sum(axis=0, dtype=np.float64)
    return total / frames.positions
