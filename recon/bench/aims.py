"""What the project promises of a GPU, beside what was measured."""

REFERENCE = ([1024, 1024], 18)

AGREEMENT = 1e-5
"""Largest difference of the two devices' phase, relative, in the root mean square."""

DRAFT_MS, DRAFT_RATIO, IMAGE_MS, LARGE_MS, PAPER_RATIO, DPC_MS = 0.2, 3.0, 30.0, 5.0, 50.0, 5.0


def aims(sizes, agreement=None) -> list[dict]:
    """Each aim with what was measured.

    Parameters
    ----------
    sizes : list of dict
        As from `recon.bench.device.measure_size`.
    agreement : dict, optional
        As from `recon.bench.device.compare`.

    Returns
    -------
    list of dict
        `aim` in words, `limit`, `value` (None if not measured) and `met` (None then, too). Times
        are those of whole calls, by the host's clock, unless the aim says otherwise.
    """
    reference = _stages(sizes, *REFERENCE)
    draft = _of(reference, "draft redraw", "wall_ms")
    paper = _of(reference, "the paper's kernel", "wall_ms")
    ratio = paper / draft if paper and draft else None
    large = [_of(_stages(sizes, [4096, 4096], p), "draft redraw", "wall_ms") for p in (18, 32, 64)]
    dpc = _of(reference, "DPC, 20 iterations", "wall_ms")
    image = _of(reference, "events on the device to first image", "wall_ms")
    phases = [v["norm"] for v in (agreement or {}).values() if "norm" in v]
    rows = [
        ("draft redraw of the reference work [ms]", draft, DRAFT_MS),
        (
            "draft redraw of the reference work / floor",
            _of(reference, "draft redraw", "wall_ratio"),
            DRAFT_RATIO,
        ),
        (
            "draft redraw of the reference work / floor, on the device",
            _of(reference, "draft redraw", "device_ratio"),
            DRAFT_RATIO,
        ),
        ("events on the device to first phase image [ms]", image, IMAGE_MS),
        ("draft redraw of 4096², 18 pixels across [ms]", large[0], LARGE_MS),
        ("draft redraw of 4096², 32 pixels across [ms]", large[1], LARGE_MS),
        ("draft redraw of 4096², 64 pixels across [ms]", large[2], LARGE_MS),
        ("DPC of 20 iterations at 1024² [ms]", dpc, DPC_MS),
        ("difference from the CPU", max(phases, default=None), AGREEMENT),
    ]
    found = [_aim(name, value, limit, "below") for name, value, limit in rows]
    found.insert(4, _aim("the paper's kernel / draft redraw", ratio, PAPER_RATIO, "above"))
    return found


def _aim(name, value, limit, side):
    met = None
    if value is not None:
        met = bool(value < limit if side == "below" else value >= limit)
    return {"aim": name, "value": value, "limit": limit, "wanted": side, "met": met}


def _stages(sizes, scan, pixels) -> dict:
    for size in sizes:
        if (size["scan"], size["pixels"]) == (scan, pixels):
            return size.get("stages", {})
    return {}


def _of(stages, name, figure):
    return stages.get(name, {}).get(figure)
