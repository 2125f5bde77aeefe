"""For PtyRAD 1.0: its parameters as YAML, the phase on its grid.

PtyRAD keeps probe and frames as the camera sees them and turns the positions: (y, x) @ A with
A of rotation -θ in its sign. Its aberrations are those of Krivanek in Å and degrees, x along the
columns, in that frame; the tests of the hand-over ask its own code for χ.
"""

import json
from io import BytesIO
from math import ceil, degrees, radians

import h5py
import numpy as np
from scipy.ndimage import map_coordinates

from recon.handover.start import Cut, Start

NAME = "PtyRAD"
PARAMETERS, OBJECT, FRAMES = "ptyrad.yaml", "start.h5", "frames.h5"

_TEXT = """\
# {title}: a start for PtyRAD 1.0, by livestem.
#   ptyrad run {file}
# Lengths in Å, angles of aberrations in degrees. The frames are in {frames}: the disc in their
# middle{swapped}, the scan in rows.
init_params:
    probe_kv: {energy!r}
    probe_conv_angle: {semiangle!r}
    probe_aberrations: {aberrations}
    meas_Npix: {pixels}
    pos_N_scan_slow: {rows}
    pos_N_scan_fast: {columns}
    pos_scan_step_size: {step!r}
    pos_scan_affine: {affine}
    pos_scan_rand_std: null
    probe_pmode_max: 1
    obj_Nlayer: 1
    obj_slice_thickness: 1
    meas_calibration: {{'mode': 'dk', 'value': {dk!r}}}
    meas_reshape: {reshape}
    meas_flipT: null
    meas_params: {{'path': '{frames}', 'key': 'data'}}
    obj_source: 'py4DSTEM'
    obj_params: '{object}'
model_params:
    update_params:
        obja: {{'start_iter': 1, 'lr': 5.0e-4, 'end_iter': null}}
        objp: {{'start_iter': 1, 'lr': 5.0e-4, 'end_iter': null}}
        probe: {{'start_iter': 1, 'lr': 1.0e-4, 'end_iter': null}}
        probe_pos_shifts: {{'start_iter': 1, 'lr': 5.0e-4, 'end_iter': null}}
recon_params:
    NITER: 200
    BATCH_SIZE: {{'size': 32, 'grad_accumulation': 1}}
    SAVE_ITERS: 10
    output_dir: 'output/'
    recon_dir_affixes: ['minimal']
"""


def files(start: Start, cut: Cut) -> dict[str, bytes]:
    """Contents by file name: the parameters, and the object to start from."""
    calibration = start.calibration
    step_y, step_x = calibration.scan_sampling
    mean = (step_y + step_x) / 2
    # Its asymmetry stretches y by 1 + a/2 and x by 1 - a/2, before it turns.
    affine = [1.0, 2 * (step_y - step_x) / (step_y + step_x), -calibration.rotation_deg, 0.0]
    rows, columns = start.scan_shape
    text = _TEXT.format(
        title=json.dumps(start.title),
        file=PARAMETERS,
        frames=FRAMES,
        object=OBJECT,
        swapped=", their axes swapped" if calibration.transpose else "",
        energy=calibration.energy / 1e3,
        semiangle=calibration.semiangle_cutoff,
        aberrations=json.dumps(aberrations(start)),
        pixels=cut.pixels,
        rows=rows,
        columns=columns,
        step=mean,
        affine=json.dumps(affine),
        dk=cut.bin * calibration.reciprocal_sampling,
        reshape=[rows * columns, cut.pixels, cut.pixels],
    )
    image = BytesIO()
    with h5py.File(image, "w") as file:
        file["object"] = np.exp(1j * phase_on_grid(start, cut)).astype(np.complex64)
        file["probe"] = start.probe(cut)[None]
    return {PARAMETERS: text.encode(), OBJECT: image.getvalue()}


def aberrations(start: Start) -> dict[str, float]:
    """`probe_aberrations`: magnitudes [Å] and azimuths [degrees] of those that are not zero."""
    polar = start.polar()
    found = {"C10": polar["C10"]}
    for name, value in polar.items():
        if name.startswith("C") and value:
            found[name] = value
            if (azimuth := f"phi{name[1:]}") in polar:
                found[azimuth] = degrees(polar[azimuth])
    return found


def phase_on_grid(start: Start, cut: Cut) -> np.ndarray:
    """(Ny, Nx) float64 phase [rad] on the canvas that PtyRAD makes of these positions; 0 outside.

    The canvas is 1.2 × as large as what the probe's windows cover, the middle of the scan at
    `size // 2`; its pixel is 1 / (N dk).
    """
    calibration, shape = start.calibration, start.scan_shape
    pixel = 1 / (cut.pixels * cut.bin * calibration.reciprocal_sampling)
    angle = radians(calibration.rotation_deg)
    # (y, x) of K' from (y, x) of the scan.
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    steps = np.array(calibration.scan_sampling)
    middle = (np.array(shape) - 1) / 2
    corners = np.array([(y, x) for y in (0, 1) for x in (0, 1)]) * (np.array(shape) - 1) - middle
    corners = corners * steps @ turn.T / pixel
    size = [int(1.2 * ceil(extent + cut.pixels)) for extent in np.ptp(corners, axis=0)]
    y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in size), indexing="ij")
    at = np.stack([y, x], axis=-1) * pixel @ turn / steps + middle
    return map_coordinates(start.phase.astype(float), np.moveaxis(at, -1, 0), order=1)
