"""Contrasts that a redraw makes besides the phase, where a slot shows them."""

import numpy as np

from app.pipeline.context import Context
from app.pipeline.on_show import with_phase
from app.pipeline.results import AmplitudeImage, LabelledImage


@with_phase
def amplitude(context: Context) -> AmplitudeImage:
    """Modulus of the object's transmission."""
    request = context.request
    how = request.aberrations, "exact", context.sideband, request.band_limit
    modulus = np.abs(context.engine.transmission(context.g, *how))
    return AmplitudeImage(modulus, context.prepared.scan_sampling)


@with_phase
def obf(context: Context) -> LabelledImage:
    """Optimum bright field, in units of its noise."""
    request = context.request
    how = request.aberrations, context.sideband, request.band_limit
    image = context.engine.optimum_bright_field(context.g, *how)
    return LabelledImage(image, "σ", context.prepared.scan_sampling, "in units of noise")
