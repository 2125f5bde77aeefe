"""The Python files: their numbers by χ, their code by the compiler.

`tests.studies.handover` runs them in those programs.
"""

import ast
from io import BytesIO

import numpy as np
import pytest

from recon.handover import scripts
from recon.handover.start import cut_of
from tests.support.handed_over import by_formula, start


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("kind", scripts.PROGRAMS)
def test_the_numbers_are_those_of_the_scan(kind, transpose):
    begun = start(transpose)
    cut = cut_of(begun.calibration, begun.frame_shape)
    made = scripts.files(kind, begun, cut)
    tree = ast.parse(made[f"{kind}_start.py"])
    known = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    assert known["ENERGY"] == 80e3
    assert known["SEMIANGLE"] == 25
    assert known["SCAN_SAMPLING"] == (0.42, 0.38)
    assert known["ROTATION"] == 33
    assert known["RECIPROCAL_SAMPLING"] == pytest.approx(begun.calibration.k0 / 11)
    assert known["PIXELS"] == cut.pixels
    ky, kx = np.random.default_rng(1).uniform(-0.6, 0.6, (2, 50))
    wavelength = begun.calibration.wavelength
    expected = begun.in_camera.chi(ky, kx, wavelength)
    found = by_formula(known["ABERRATIONS"], ky, kx, wavelength)
    np.testing.assert_allclose(found, expected, atol=1e-9 * abs(expected).max())
    assert np.array_equal(np.load(BytesIO(made["phase.npy"])), begun.phase)
    assert np.array_equal(np.load(BytesIO(made["probe.npy"])), begun.probe(cut))
    assert ("axes swapped" in ast.get_docstring(tree)) == transpose


def test_a_title_with_quotes_is_no_code():
    begun = start()
    object.__setattr__(begun, "title", 'a"""\nimport os\n"""b')
    cut = cut_of(begun.calibration, begun.frame_shape)
    tree = ast.parse(scripts.files("abtem", begun, cut)["abtem_start.py"])
    names = [n.names[0].name for n in ast.walk(tree) if isinstance(n, ast.Import)]
    assert names == ["h5py", "numpy", "abtem"]
