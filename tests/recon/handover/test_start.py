"""What is handed over, in the camera's frame: χ by its formula, the probe by its transform."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recon.calibration import Calibration
from recon.errors import UnreadableFile
from recon.handover.start import cut_of, of_results
from tests.support.handed_over import by_formula, start


@pytest.mark.parametrize("transpose", [False, True])
def test_both_ways_to_count_azimuths_give_one_chi(transpose):
    begun = start(transpose)
    ky, kx = np.random.default_rng(1).uniform(-0.6, 0.6, (2, 50))
    wavelength = begun.calibration.wavelength
    # Swapping the detector's axes swaps what is y and what is x.
    seen = (kx, ky) if transpose else (ky, kx)
    expected = begun.aberrations.chi(*seen, wavelength)
    columns = by_formula(begun.polar(), kx, ky, wavelength)
    rows = by_formula(begun.polar_by_rows(), ky, kx, wavelength)
    np.testing.assert_allclose(columns, expected, atol=1e-9 * abs(expected).max())
    np.testing.assert_allclose(rows, expected, atol=1e-9 * abs(expected).max())
    for name, azimuth in begun.polar_by_rows().items():
        if name.startswith("phi"):
            assert -np.pi < azimuth * int(name[-1]) <= np.pi + 1e-12


def test_the_probe_is_the_transform_of_the_aperture():
    begun = start(transpose=True)
    cut = cut_of(begun.calibration, begun.frame_shape)
    probe = begun.probe(cut)
    assert probe.shape == (cut.pixels, cut.pixels)
    assert np.sum(np.abs(probe) ** 2) == pytest.approx(1, rel=1e-6)
    wave = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(probe.astype(complex))))
    k = (np.arange(cut.pixels) - cut.pixels // 2) * begun.calibration.reciprocal_sampling
    ky, kx = np.meshgrid(k, k, indexing="ij")
    inside = np.hypot(ky, kx) < begun.calibration.k0 - begun.calibration.reciprocal_sampling
    outside = np.hypot(ky, kx) > begun.calibration.k0 + begun.calibration.reciprocal_sampling
    chi = begun.aberrations.chi(kx, ky, begun.calibration.wavelength)
    flat = wave * np.exp(1j * chi)
    np.testing.assert_allclose(flat[inside] / flat[inside][0], 1, atol=1e-5)
    assert abs(wave[outside]).max() < 1e-5 * abs(flat[inside][0])


@given(
    st.tuples(st.integers(20, 70), st.integers(20, 70)),
    st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    st.integers(1, 3),
)
def test_the_cut_lies_on_the_detector_with_the_disc_in_its_middle(shape, part, bin):
    centre = tuple(p * n for p, n in zip(part, shape, strict=True))
    calibration = Calibration(80e3, 25.0, (0.4, 0.4), centre, 3.0)
    assume(min(min(c, n - c) for c, n in zip(centre, shape, strict=True)) > 4.5 * bin + 1)
    cut = cut_of(calibration, shape, bin)
    for first, size, middle, off in zip(cut.first, shape, centre, cut.off, strict=True):
        assert first >= 0
        assert first + cut.pixels * cut.bin <= size
        at = first + cut.bin * (cut.pixels // 2) + (cut.bin - 1) / 2
        assert at + off * cut.bin == pytest.approx(middle)
        assert abs(off) * cut.bin <= 0.5 + 1e-9
    # No larger square would do.
    grown = cut.bin * (cut.pixels // 2 + 1)
    zero = [f + cut.bin * (cut.pixels // 2) for f in cut.first]
    assert any(z - grown < 0 or z + grown > n for z, n in zip(zero, shape, strict=True))


def test_a_square_that_is_too_small_is_refused():
    calibration = Calibration(80e3, 25.0, (0.4, 0.4), (5.0, 30.0), 3.0)
    assert cut_of(calibration, (64, 64), 1).pixels == 10
    with pytest.raises(ValueError, match=r"Binned by 2, a square of 4 × 4 .* 8 are needed"):
        cut_of(calibration, (64, 64), 2)


def test_what_is_no_result_is_refused(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"no HDF5")
    with pytest.raises(UnreadableFile, match=r"x\.h5 holds no results of livestem"):
        of_results(tmp_path / "x.h5")
