"""Curves and images through the focus."""

from dataclasses import replace

import numpy as np
import pytest

from recon.errors import Cancelled
from recon.focus.flatness import flatness
from recon.focus.through_focus import focus_curve, through_focus
from recon.ssb.phase import single_sideband
from tests.support.fake_gpu import fake_gpu
from tests.support.focus_scans import LOW, g_of, g_on

DEFOCI = np.linspace(-150, 450, 13)


def test_both_curves_are_highest_at_the_true_defocus():
    g = g_of(LOW, -12.0, dose=1e5)
    curve = focus_curve(g, replace(LOW, C10=0.0), DEFOCI)
    assert DEFOCI[curve.flatness.argmax()] == LOW.defocus
    assert DEFOCI[curve.contrast.argmax()] == LOW.defocus
    assert curve.contrast.max() == 1
    assert curve.flatness[3] == flatness(g, replace(LOW, C10=-DEFOCI[3]))
    image = single_sideband(g, replace(LOW, C10=-DEFOCI[3]), "draft", band_limit=0.9)
    best = single_sideband(g, LOW, "draft", band_limit=0.9)
    assert curve.contrast[3] == pytest.approx(image.var() / best.var(), rel=1e-5)


def test_small_images_hold_the_low_frequencies_of_the_large_ones():
    g = g_of(LOW, -12.0)
    whole = through_focus(g, LOW, DEFOCI[:3], 44)
    small = through_focus(g, LOW, DEFOCI[:3], 22)
    assert (whole.shape, small.shape) == ((3, 44, 36), (3, 22, 18))
    for image, defocus in zip(whole, DEFOCI[:3], strict=True):
        np.testing.assert_array_equal(
            image, single_sideband(g, replace(LOW, C10=-defocus), "draft")
        )
    spectra = [np.fft.fft2(stack) / stack[0].size for stack in (whole, small)]
    for row in (-10, -3, 0, 4, 10):
        for column in (-8, 0, 5, 8):
            wanted, found = (spectrum[:, row, column] for spectrum in spectra)
            np.testing.assert_allclose(found, wanted, atol=1e-6)
    # Nyquist's own row and column belong to no one frequency.
    assert np.abs(spectra[1][:, 11]).max() < 1e-7


def test_they_sum_what_is_shown():
    g = g_of(LOW, -12.0, full=True)
    at = replace(LOW, C10=-DEFOCI[4])
    wanted = single_sideband(g, at, "draft", "full", 0.7)
    found = through_focus(g, LOW, DEFOCI[4:5], 44, sideband="full", band_limit=0.7)
    np.testing.assert_array_equal(found[0], wanted)
    variances = [
        single_sideband(g, replace(LOW, C10=-d), "draft", "full", 0.9).var() for d in DEFOCI[4:6]
    ]
    contrast = focus_curve(g, LOW, DEFOCI[4:6], sideband="full").contrast
    np.testing.assert_allclose(contrast, np.array(variances) / max(variances), rtol=1e-5)


def test_a_device_gives_the_same(monkeypatch):
    there, here = g_on(fake_gpu("cpu", monkeypatch).device), g_of(LOW, -12.0, full=True)
    curves = [focus_curve(g, LOW, DEFOCI[:3]) for g in (here, there)]
    np.testing.assert_allclose(curves[1].contrast, curves[0].contrast, rtol=1e-4)
    np.testing.assert_allclose(curves[1].flatness, curves[0].flatness, rtol=1e-4)
    stacks = [through_focus(g, LOW, DEFOCI[:2], 20) for g in (here, there)]
    assert isinstance(stacks[1], np.ndarray)
    np.testing.assert_allclose(stacks[1], stacks[0], atol=1e-5)


@pytest.mark.parametrize("work", [focus_curve, through_focus])
def test_they_can_be_cancelled_and_refuse_nonsense(work):
    g, told = g_of(LOW, -12.0), []

    def stop(fraction):
        told.append(fraction)
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        work(g, LOW, DEFOCI[:4], progress=stop)
    assert told == [0.25, 0.5, 0.75]
    with pytest.raises(ValueError, match="No defocus"):
        work(g, LOW, [])
    with pytest.raises(ValueError, match="finite"):
        work(g, LOW, [0.0, np.nan])
    with pytest.raises(ValueError, match="at least 8 pixels"):
        through_focus(g, LOW, [0.0], 4)
