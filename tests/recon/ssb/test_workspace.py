"""What a redraw has at hand, against chi itself; and how little a redraw does with it."""

import gc
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from recon.device.backend import on_host
from recon.optics import Aberrations
from recon.ssb.bright_field import OFFSETS
from recon.ssb.optimum import optimum_bright_field
from recon.ssb.phase import MODES, single_sideband
from recon.ssb.prior import Prior
from recon.ssb.workspace import KEPT, Workspace, constants, workspace
from tests.support.fake_gpu import fake_gpu
from tests.support.weak_phase import MANY, built, calibration_of, random_counts

PRIOR = Prior(0.02, 0.4)


def g_of(*geometry, scan=(12, 15)):
    calibration = calibration_of(*geometry)
    counts, disc, total = random_counts(calibration, scan=scan)
    return built(counts, disc, calibration, total)


def turns(g, aberrations, ky, kx):
    """chi [turns] at (ky, kx) in the scan's frame, in double precision."""
    c = g.calibration
    y, x = np.linalg.solve(c.detector_to_scan, np.stack([ky, kx]))
    return aberrations.chi(y, x, c.wavelength) / (2 * np.pi)


def prepared(g, aberrations, averaged):
    work, fixed = Workspace(g), constants(g)
    work.prepare(fixed.averaged if averaged else fixed.centred, aberrations)
    return work


def value_of(powers, y, x):
    return np.polynomial.polynomial.polyval2d(x, y, powers.astype(float))


@pytest.mark.parametrize("geometry", [(0.0, False), (-70.0, True)], ids=["aligned", "turned"])
def test_a_drafts_block_is_chi_and_its_polynomial(geometry):
    g = g_of(*geometry)
    work = prepared(g, MANY, averaged=False)
    np.testing.assert_allclose(work.chi, turns(g, MANY, *g.k), atol=1e-6)
    y, x = np.random.default_rng(0).uniform(-1, 1, (2, 20))
    k0 = g.calibration.k0
    np.testing.assert_allclose(
        value_of(work.powers, y, x), turns(g, MANY, y * k0, x * k0), atol=1e-5
    )
    np.testing.assert_allclose(
        value_of(work.mirrored, y, x), -turns(g, MANY, -y * k0, -x * k0), atol=1e-5
    )


def test_the_exact_block_holds_the_mean_over_a_pixels_curvature_and_the_slopes():
    """For a quadratic chi the mean over the 4 × 4 sub-points, and differences, are exact."""
    g = g_of(25.0, True)
    quadratic = Aberrations(C10=60, C12a=-20, C12b=35)
    work = prepared(g, quadratic, averaged=True)
    rotate, width = g.calibration.detector_to_scan, g.bright_field.width
    sub_points = np.stack(np.meshgrid(OFFSETS, OFFSETS, indexing="ij")).reshape(2, -1) * width
    ky, kx = g.k[:, :, None] + (rotate @ sub_points)[:, None]
    np.testing.assert_allclose(
        work.values[0], turns(g, quadratic, ky.ravel(), kx.ravel()).reshape(ky.shape).mean(1), 1e-5
    )
    # Over an eighth of the pixel, along the detector's x and y: from one side to the other.
    for slope, edge in zip(work.values[1:], ((0, 1), (1, 0)), strict=True):
        step = (rotate @ np.multiply(edge, width / 16))[:, None]
        ahead, behind = (turns(g, quadratic, *(g.k + s * step)) for s in (1, -1))
        np.testing.assert_allclose(slope, ahead - behind, atol=1e-6)
    y, x = g.k / g.calibration.k0
    for polynomial, mirrored, values in zip(
        work.slopes, work.slopes_mirrored, work.values[1:], strict=True
    ):
        np.testing.assert_allclose(value_of(polynomial, y, x), values, atol=1e-6)
        np.testing.assert_allclose(value_of(mirrored, -y, -x), -values, atol=1e-6)


def test_a_workspace_is_taken_by_one_redraw_and_a_few_wait():
    g = g_of()
    with workspace(g) as first:
        with workspace(g) as second:
            assert second is not first
        with workspace(g) as third:
            assert third is second
    taken = [workspace(g) for _ in range(3 * KEPT)]
    for one in taken:
        one.__enter__()
    for one in taken:
        one.__exit__(None, None, None)
    assert len(g.spare) == KEPT


def test_a_failed_redraw_hands_its_workspace_back():
    g = g_of()
    with pytest.raises(ZeroDivisionError), workspace(g):
        raise ZeroDivisionError
    assert len(g.spare) == 1


def test_the_last_band_limits_are_remembered():
    g = g_of()
    for limit in np.linspace(0.5, 1, 3 * KEPT):
        for mode in MODES:
            single_sideband(g, MANY, mode, band_limit=float(limit))
    kinds = Counter(key[0] for key in g.derived)
    assert kinds == {"constants": 1, "norm": KEPT, "plain": KEPT, "last": KEPT}
    assert ("last", 1.0) in g.derived


def test_a_g_goes_when_nobody_holds_it():
    """Its memory is a device's: it shall not wait until circles of references are looked for."""
    g = g_of()
    for mode in MODES:
        single_sideband(g, MANY, mode, "full")
    gone = weakref.ref(g)
    gc.disable()
    try:
        del g
        assert gone() is None
    finally:
        gc.enable()


def counted(device):
    """The device, and how often its kernels are launched and its transforms called."""
    calls = Counter()

    def noted(name, function):
        def call(*arguments, **options):
            calls[name] += 1
            return function(*arguments, **options)

        return call

    parts = {
        part: SimpleNamespace(
            **{name: noted(name, f) for name, f in vars(getattr(device, part)).items()}
        )
        for part in ("kernels", "fft")
    }
    return replace(device, **parts), calls


REDRAWS = {
    "draft": (lambda g, a: single_sideband(g, a, "draft"), "sum_hard"),
    "exact": (lambda g, a: single_sideband(g, a, "exact"), "sum_averaged"),
    "weighted draft": (lambda g, a: single_sideband(g, a, "draft", prior=PRIOR), "sum_hard"),
    "weighted exact": (lambda g, a: single_sideband(g, a, "exact", prior=PRIOR), "sum_averaged"),
    "optimum bright field": (optimum_bright_field, "sum_hard"),
}


@pytest.mark.parametrize("name", REDRAWS)
def test_a_redraw_is_one_upload_one_launch_and_one_transform(name, monkeypatch):
    fake = fake_gpu("cpu", monkeypatch)
    g = g_of()
    redraw, kernel = REDRAWS[name]
    expected = redraw(g, MANY)
    device, calls = counted(fake.device)
    moved = g.to_device(device)
    redraw(moved, Aberrations())
    calls.clear()
    uploads = []
    upload = fake.xp.ndarray.set
    monkeypatch.setattr(
        fake.xp.ndarray, "set", lambda array, host: uploads.append(host) or upload(array, host)
    )
    monkeypatch.setattr(fake.xp, "asarray", None)
    before = fake.allocations
    phase = redraw(moved, MANY)
    assert calls == {kernel: 1, "irfft2": 1}
    assert len(uploads) == 1
    # The image: spectrum and plan are at hand.
    assert fake.allocations - before == 1
    np.testing.assert_array_equal(on_host(phase), expected)


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_two_threads_redraw_one_g_at_a_time(kind, monkeypatch):
    g = g_of()
    if kind == "gpu":
        g = g.to_device(fake_gpu("cpu", monkeypatch).device)
    tasks = [(Aberrations(C10=c), mode) for c in range(-60, 60, 10) for mode in ("exact", "draft")]
    expected = [on_host(single_sideband(g, *task)) for task in tasks]
    g.derived.clear()
    g.spare.clear()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda task: on_host(single_sideband(g, *task)), tasks * 3))
    for result, wanted in zip(results, expected * 3, strict=True):
        np.testing.assert_array_equal(result, wanted)
