import numpy as np
from numba import njit

from recon.kernels import formulas
from recon.kernels.cpu import simd


def test_sine_and_cosine_of_turns():
    turns = np.linspace(-0.5, 0.5, 10001).astype(np.float32)
    sine = np.array([formulas.sine_turns(t) for t in turns])
    cosine = np.array([formulas.cosine_turns(t) for t in turns])
    np.testing.assert_allclose(sine, np.sin(2 * np.pi * turns.astype(float)), atol=8e-7)
    np.testing.assert_allclose(cosine, np.cos(2 * np.pi * turns.astype(float)), atol=8e-7)


def test_nearest_turn_keeps_the_angle():
    for turns in (-7.3, -0.5, 0.0, 0.49, 3.75, 1000.25):
        near = formulas.nearest_turn(np.float32(turns))
        assert abs(near) <= 0.5
        np.testing.assert_allclose(np.exp(2j * np.pi * near), np.exp(2j * np.pi * turns), atol=1e-3)


def test_multiples_of_an_angle():
    for angle in np.linspace(-3, 3, 13):
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        points = np.exp(1j * angle * np.array([-3, -1, 1, 3])).mean().real
        np.testing.assert_allclose(formulas.four_point_mean(cosine), points, atol=1e-6)
        np.testing.assert_allclose(formulas.cosine_of_triple(cosine), np.cos(3 * angle), atol=2e-6)
        np.testing.assert_allclose(formulas.sine_of_triple(sine), np.sin(3 * angle), atol=2e-6)


@njit
def _vector_work(a, b, masks, out):
    total = simd.load(a, 3) * simd.load(b, 0) - np.float32(2) * simd.load(a, 3)
    simd.store(out, 0, simd.lanes_between(total, 2, 7))
    simd.store(out, 16, np.floor(simd.load(a, 0)))
    simd.store(out, 32, simd.clamp(simd.load(a, 0), np.float32(-0.5), np.float32(0.5)))
    simd.store(out, 48, simd.where_bit(simd.load(b, 0), masks, 1, 5))
    simd.store(out, 64, simd.where_below(simd.load(b, 0), simd.load(a, 0), np.float32(0)))
    simd.store(out, 80, simd.lanes_between(total, -40, 90))
    simd.store(out, 96, formulas.sine_turns(formulas.nearest_turn(simd.load(a, 0))))


def test_a_vector_does_what_its_lanes_would():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40)).astype(np.float32)
    masks = rng.integers(0, 2**16, 40).astype(np.uint16)
    out = np.full(112, np.nan, np.float32)
    _vector_work(a, b, masks, out)
    total = a[3:19] * b[:16] - 2 * a[3:19]
    lanes = np.arange(16)
    np.testing.assert_allclose(out[:16], np.where((lanes >= 2) & (lanes < 7), total, 0), rtol=1e-5)
    np.testing.assert_array_equal(out[16:32], np.floor(a[:16]))
    np.testing.assert_array_equal(out[32:48], np.clip(a[:16], -0.5, 0.5))
    np.testing.assert_array_equal(out[48:64], np.where(masks[1:17] >> 5 & 1, b[:16], 0))
    np.testing.assert_array_equal(out[64:80], np.where(a[:16] < 0, b[:16], 0))
    np.testing.assert_allclose(out[80:96], total, rtol=1e-5)
    np.testing.assert_allclose(out[96:], np.sin(2 * np.pi * a[:16].astype(float)), atol=2e-6)
