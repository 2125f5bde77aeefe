"""Fourier transforms with a plan of their own, where a device's library makes plans."""

from recon.device.backend import Device

AXES = (-2, -1)


def planned(device: Device, array, shape, kind: str, axes=AXES) -> dict:
    """Options for transforms of arrays like this one: `device.fft_options`, and a plan.

    SciPy keeps the few tables that it needs. A plan of cuFFT holds device memory as large as the
    transform, and CuPy's cache keeps sixteen of them for each thread, whatever they hold: so what
    transforms again and again owns its plan, which goes when it goes. One transform at a time may
    use it.

    Parameters
    ----------
    array : (..., Sy, Sx) array
        What is transformed, on `device`.
    shape : (Sy, Sx)
        Of the transform's real side.
    kind : {"R2C", "C2R"}
        From real to complex numbers, or back.
    axes : tuple of int
        That are transformed, as many as `shape` has.
    """
    plan = getattr(device.fft, "get_fft_plan", None)
    if plan is None:
        return device.fft_options
    # A plan that this thread's cache holds would be handed out, and shared with whoever transforms
    # without one: two transforms in one work area, as soon as two threads are at it.
    cache = device.xp.fft.config.get_plan_cache()
    cache.clear()
    made = plan(array, tuple(shape), axes=axes, value_type=kind)
    # The cache has taken the new one as well, and no other thread could empty it.
    cache.clear()
    return {**device.fft_options, "plan": made}
