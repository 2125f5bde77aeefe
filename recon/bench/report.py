"""Figures of a benchmark as plain text, for a terminal or a log."""


def device_text(report: dict) -> str:
    """Tables of what `recon.bench.device.run` measured: sizes, agreement and aims."""
    speed = report["copy"]["bytes_per_second"]
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    lines = [
        f"{report['device']}",
        f"{report['date']}; {versions}",
        f"its own copy: {speed / 1e9:,.0f} GB/s, read and written: the floor of every stage",
        f"device: by {report['timer']}, data not in the cache; call: by the host's clock, whole",
    ]
    for size in report["sizes"]:
        lines += ["", *_size(size)]
    if report["agreement"]:
        scan = " × ".join(map(str, report["agreement"]["scan"]))
        lines += ["", f"difference from the CPU's image at {scan}, relative"]
        methods = {n: v for n, v in report["agreement"].items() if n != "scan"}
        rows = [
            (name, f"{value['norm']:.1e}", f"{value['largest']:.1e}")
            for name, value in methods.items()
            if "norm" in value
        ]
        lines += table(("method", "rms", "largest"), rows)
        lines += _without(methods, "norm")
    lines += ["", *table(("aim", "wanted", "measured", ""), map(_aim, report["aims"]))]
    return "\n".join(lines) + "\n"


def cpu_text(figures: dict) -> str:
    """Tables of what `recon.bench.machine.run` measured."""
    times = [
        (name.removesuffix("_ms").replace("_", " "), f"{value:,.1f}")
        for name, value in figures.items()
        if name.endswith("_ms")
    ]
    ratios = [(name, f"{value:.2f}") for name, value in figures["ratios"].items()]
    scan = " × ".join(map(str, figures["scan"]))
    lines = [
        f"{figures['device']}, {figures['threads']} threads",
        f"{scan} positions, {figures['pixels']} pixels across, {figures['electrons']:,} electrons, "
        f"{figures['sideband_entries']:,} entries in a sideband",
        f"memory above the events: {figures['peak_memory_bytes'] / 1e6:,.0f} MB",
        "",
        *table(("median time", "ms"), times),
        "",
        *table(("ratio", ""), ratios),
    ]
    return "\n".join(lines) + "\n"


def live_text(figures: dict) -> str:
    """Tables of what `recon.bench.live.run` measured."""
    scan = " × ".join(map(str, figures["scan"]))
    anew = figures["live_anew_ms"]
    ways = [
        (f"{number}", f"{took:.2f}", f"{figures['live_floor_ms'][number]:.2f}")
        for number, took in figures["live_adding_ms"].items()
    ]
    played = [
        ("rows a second, at most", f"{figures['live_rows_per_s']:.0f}"),
        ("time at a position, at least [µs]", f"{figures['live_pace_us']:.2f}"),
        (f"played at [µs], as {figures['live_wire']}", f"{figures['live_played_us']:.2f}"),
        ("frames lost", f"{figures['live_lost_frames']:,}"),
        ("pixels across that were counted meanwhile", f"{figures['live_pixels']}"),
        ("phase images a second", f"{figures['live_images_per_s']:.1f}"),
        ("longest time between two of them [s]", f"{figures['live_longest_gap_s']:.2f}"),
        ("last row to written [ms]", f"{figures['live_last_row_to_received_ms']:.0f}"),
        ("last row to counted [ms]", f"{figures['live_last_row_to_counted_ms']:.0f}"),
        ("last row to exact phase [ms]", f"{figures['live_last_row_to_exact_ms']:.0f}"),
        ("last row to that of the file [ms]", f"{figures['live_last_row_to_settled_ms']:.0f}"),
        ("the stream copied once, a row [ms]", f"{figures['live_stream_floor_ms']:.2f}"),
    ]
    lines = [
        f"{figures['device']}",
        f"{scan} positions, {figures['pixels']} pixels across, {figures['electrons']:,} electrons, "
        f"{figures['kept_entries']:,} entries",
        "",
        *table(("rows a block", "ms a row", "floor"), ways),
        "all columns anew, a look: "
        + ("left out, for want of memory" if anew is None else f"{anew:,.0f} ms"),
        "",
        *table(("a scan that comes", ""), played),
        "",
        *table(
            ("ratio", ""), [(name, f"{value:.2f}") for name, value in figures["ratios"].items()]
        ),
    ]
    return "\n".join(lines) + "\n"


def table(heads, rows) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right."""
    rows = [tuple(heads), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _size(size: dict) -> list[str]:
    """Lines for one size of work."""
    head = f"{size['scan'][0]} × {size['scan'][1]} positions, {size['pixels']} pixels across"
    if "skipped" in size:
        return [f"{head}: left out. {size['skipped']}"]
    head += f": {size['planes']:,} planes, {size['electrons']:,} electrons"
    if "entries" in size:
        head += f", {size['entries']:,} entries ({size['hard_entries']:,} in a draft)"
    taken = f"{size['planned_bytes'] / 1e9:.2f} GB of memory planned"
    taken += f", {size['taken_bytes'] / 1e9:.2f} GB taken for the first image; "
    taken += f"measured in {size['seconds']:.0f} s"
    heads = ("stage", "device ms", "call ms", "floor ms", "device/floor", "call/floor", "MB", "")
    rows = [_stage(name, stage) for name, stage in size["stages"].items() if "wall_ms" in stage]
    return [head, taken, *table(heads, rows), *_without(size["stages"], "wall_ms")]


def _without(figures, wanted) -> list[str]:
    """Lines that say why something was not measured."""
    reasons = {n: f for n, f in figures.items() if wanted not in f}
    return [
        f"{name}: left out. {reason['skipped']}"
        if "skipped" in reason
        else f"{name}: failed. {reason['failed']}"
        for name, reason in reasons.items()
    ]


def _stage(name, stage):
    def shown(figure, form):
        value = stage.get(figure)
        return "" if value is None else format(value, form)

    note = ""
    if "bytes_per_second" in stage:
        note = f"{stage['bytes_per_second'] / 1e9:.1f} GB/s"
    elif "planes" in stage:
        note = f"{stage['planes']} planes"
    elif "error" in stage:
        note = f"rms error {stage['error']['norm']:.1e}"
    return (
        name,
        shown("device_ms", ",.3f"),
        shown("wall_ms", ",.3f"),
        shown("floor_ms", ",.3f"),
        shown("device_ratio", ".2f"),
        shown("wall_ratio", ".2f"),
        f"{stage['bytes'] / 1e6:,.1f}",
        note,
    )


def _aim(aim: dict):
    sign = "<" if aim["wanted"] == "below" else "≥"
    measured = "not measured" if aim["value"] is None else f"{aim['value']:.3g}"
    verdict = {None: "", True: "met", False: "missed"}[aim["met"]]
    return aim["aim"], f"{sign} {aim['limit']:g}", measured, verdict
