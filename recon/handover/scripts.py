"""For quantem, abTEM and py4DSTEM: a short Python file that each of them runs.

All three count aberrations in Å and rad with x along the rows, and turn positions, not frames, by
the rotation as it is; defocus is -C10. Their own code is asked for χ in the tests.
"""

import json
from io import BytesIO
from pprint import pformat

import numpy as np

from recon.handover.start import Cut, Start

_VALUES = '''\
"""{title}: a start for {program}, by livestem.

Lengths in Å, energy in eV, semi-angle in mrad, azimuths in rad from x, which is the row here.
`frames.h5` holds the frames ("data", scan in rows), the disc in their middle{swapped};
`phase.npy` the phase of livestem [rad] at the scan's positions; `probe.npy` the probe, in the
middle of its window.
"""

import h5py
import numpy as np
{imports}
ENERGY = {energy!r}
SEMIANGLE = {semiangle!r}
SCAN_SAMPLING = {sampling!r}
RECIPROCAL_SAMPLING = {dk!r}
"""Of a pixel of the frames [1/Å]."""
ROTATION = {rotation!r}
"""Degrees; the frames need no transpose any more."""
PIXELS = {pixels!r}
"""Along a side of the frames."""
ABERRATIONS = {aberrations}
'''

_QUANTEM = '''

def ptychography(frames):
    """quantem's iterative ptychography of the (Sy, Sx, N, N) frames, as livestem leaves it."""
    dataset = Dataset4dstem.from_array(
        np.asarray(frames, np.float32),
        sampling=[*SCAN_SAMPLING, RECIPROCAL_SAMPLING, RECIPROCAL_SAMPLING],
        units=["A", "A", "A^-1", "A^-1"],
    )
    positions = PtychographyDatasetRaster.from_dataset4dstem(dataset)
    positions.preprocess(
        com_fit_function="no_shift",
        force_com_rotation=ROTATION,
        force_com_transpose=False,
        obj_padding_px=(PIXELS // 2, PIXELS // 2),
        plot_rotation=False,
        plot_com=False,
        probe_energy=ENERGY,
    )
    return Ptychography.from_models(
        dset=positions,
        obj_model=ObjectPixelated.from_uniform(obj_type="pure_phase"),
        probe_model=ProbePixelated.from_params(
            {
                "energy": ENERGY,
                "semiangle_cutoff": SEMIANGLE,
                "defocus": -ABERRATIONS["C10"],
                "aberration_coefs": ABERRATIONS,
            }
        ),
        detector_model=DetectorPixelated(),
    )


if __name__ == "__main__":
    with h5py.File("frames.h5") as file:
        found = ptychography(file["data"][()])
    found.preprocess()
    found.reconstruct(num_iters=20)
    found.show_obj()
'''

_ABTEM = '''

def probe():
    """abTEM's probe on the grid of the frames; its axes are (row, column) of the camera."""
    return abtem.Probe(
        energy=ENERGY,
        semiangle_cutoff=SEMIANGLE,
        gpts=(PIXELS, PIXELS),
        extent=(1 / RECIPROCAL_SAMPLING, 1 / RECIPROCAL_SAMPLING),
        **ABERRATIONS,
    )


if __name__ == "__main__":
    probe().show(block=True)
'''

_PY4DSTEM = '''

def ptychography(frames):
    """py4DSTEM's iterative ptychography of the (Sy, Sx, N, N) frames, as livestem leaves it."""
    cube = py4DSTEM.DataCube(np.asarray(frames, np.float32))
    cube.calibration.set_R_pixel_size(SCAN_SAMPLING[0])
    cube.calibration.set_R_pixel_units("A")
    cube.calibration.set_Q_pixel_size(RECIPROCAL_SAMPLING)
    cube.calibration.set_Q_pixel_units("A^-1")
    found = py4DSTEM.process.phase.SingleslicePtychography(
        datacube=cube,
        energy=ENERGY,
        semiangle_cutoff=SEMIANGLE,
        polar_parameters=ABERRATIONS,
        object_type="potential",
    )
    return found.preprocess(
        force_com_rotation=ROTATION, force_com_transpose=False, plot_center_of_mass=False
    )


if __name__ == "__main__":
    with h5py.File("frames.h5") as file:
        ptychography(file["data"][()]).reconstruct(num_iter=20).visualize()
'''

_IMPORTS = {
    "quantem": """from quantem.core.datastructures import Dataset4dstem
from quantem.diffractive_imaging import (
    DetectorPixelated,
    ObjectPixelated,
    ProbePixelated,
    Ptychography,
    PtychographyDatasetRaster,
)
""",
    "abtem": "import abtem\n",
    "py4dstem": "import py4DSTEM\n",
}
PROGRAMS = {
    "quantem": ("quantem 0.1.10", _QUANTEM),
    "abtem": ("abTEM 1.0", _ABTEM),
    "py4dstem": ("py4DSTEM 0.14", _PY4DSTEM),
}
"""Kind -> program, and what its file does."""


def files(kind: str, start: Start, cut: Cut) -> dict[str, bytes]:
    """Contents by file name: the Python file of that program, phase and probe as .npy."""
    calibration = start.calibration
    program, does = PROGRAMS[kind]
    text = _VALUES.format(
        title=json.dumps(start.title, ensure_ascii=False)[1:-1],
        program=program,
        imports=_IMPORTS[kind],
        swapped=", their axes swapped" if calibration.transpose else "",
        energy=float(calibration.energy),
        semiangle=float(calibration.semiangle_cutoff),
        sampling=tuple(map(float, calibration.scan_sampling)),
        dk=float(cut.bin * calibration.reciprocal_sampling),
        rotation=float(calibration.rotation_deg),
        pixels=cut.pixels,
        aberrations=pformat(start.polar_by_rows(), sort_dicts=False),
    )
    return {
        f"{kind}_start.py": (text + does).encode(),
        "phase.npy": _npy(start.phase),
        "probe.npy": _npy(start.probe(cut)),
    }


def _npy(array) -> bytes:
    file = BytesIO()
    np.save(file, array)
    return file.getvalue()
