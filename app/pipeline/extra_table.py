"""What is made only while it is shown, by topic; a contrast of a slot has its topic's name."""

from app.pipeline.extras import Extra
from app.pipeline.noise import correlated, denoised, tilt_corrected
from app.pipeline.proof import curve_key, focus_chart, tiles_flatness


def _phase(request):
    return request.aberrations, request.sideband, request.band_limit


EXTRAS: dict[str, Extra] = {
    "denoised": Extra(
        "Denoising the phase",
        lambda request: (*_phase(request), request.noise.method, request.noise.strength),
        denoised,
    ),
    "frc": Extra("Correlating two halves of the electrons", _phase, correlated),
    "parallax": Extra(
        "Correcting the tilt of the bright field",
        lambda request: (request.aberrations, request.band_limit, request.noise.upsample),
        tilt_corrected,
    ),
    "flatness": Extra(
        "Judging the tiles", lambda request: (request.aberrations, request.tiles), tiles_flatness
    ),
    "focus_curve": Extra("Focus curve", curve_key, focus_chart),
}
