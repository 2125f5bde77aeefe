import numpy as np
import pytest

from recon.bench import ABERRATIONS, reference_calibration, reference_events, run
from recon.gfunction import build_sidebands
from recon.kernels import reference
from recon.ssb import SIDES, single_sideband

KEYS = {
    "redraw_draft_ms",
    "redraw_exact_ms",
    "floor_ms",
    "paper_kernel_ms",
    "first_image_ms",
    "batched_fft_ms",
    "com_ms",
    "one_pass_ms",
    "read_hdf5_ms",
    "h5py_read_ms",
    "read_cache_ms",
    "raw_read_ms",
    "peak_memory_bytes",
    "sideband_entries",
    "device",
}


def test_every_figure_is_measured():
    seen = []
    figures = run((32, 48), 8, 10.0, progress=seen.append)
    assert set(figures) >= KEYS
    assert all(figures[key] > 0 for key in KEYS - {"device"})
    assert figures["device"] == "cpu"
    assert seen[-1] == 1
    assert set(figures["ratios"].values()) > {figures["redraw_draft_ms"] / figures["floor_ms"]}


def test_the_reference_disc_holds_232_pixels():
    calibration = reference_calibration(18)
    y, x = np.indices((18, 18)) - 8.5
    assert np.count_nonzero(np.hypot(y, x) < calibration.radius) == 232
    events = reference_events((16, 16), 18, 50.0)
    assert events.electrons == pytest.approx(16 * 16 * 50, rel=0.05)


def test_the_ported_paper_kernel_sums_what_the_draft_sums():
    """Both take the hard masks: the port is the same work, not an easier one."""
    events, calibration = reference_events((24, 20), 18, 50.0), reference_calibration(18)
    dense = np.zeros((324, 480), np.float32)
    np.add.at(dense, (events.pixels, np.repeat(np.arange(480), events.counts.ravel())), 1)
    g = np.fft.rfft2(dense.reshape(324, 24, 20)).astype(np.complex64)
    y, x = np.indices((18, 18)).reshape(2, -1)
    k = (np.stack([y, x]) - 8.5) * calibration.reciprocal_sampling
    coefficients = np.array(list(vars(ABERRATIONS).values())[:12], np.float32)
    out = np.empty((3, 24, 11), np.complex64)
    sidebands = build_sidebands(events, calibration, 18)
    single_sideband(sidebands, ABERRATIONS, "draft")
    reference.paper_sideband(
        g,
        *k.astype(np.float32),
        sidebands.q_y.astype(np.float32),
        sidebands.q_x.astype(np.float32),
        np.float32(calibration.k0),
        np.float32(calibration.wavelength),
        coefficients,
        out,
    )
    # The draft divides each frequency by its overlap: undo that with its own normalisation, which
    # divides by the number of positions besides.
    norm = 480 * sidebands.derived["norm", SIDES["both"], 1.0]
    draft = np.fft.rfft2(single_sideband(sidebands, ABERRATIONS, "draft"))
    shown = norm > 0
    assert np.count_nonzero(shown) > 100
    np.testing.assert_allclose(
        draft[shown] / norm[shown], -1j * (out[1] + out[2])[shown], atol=1e-5 * abs(out).max()
    )
