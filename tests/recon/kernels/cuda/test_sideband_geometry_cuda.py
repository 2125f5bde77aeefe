"""The CUDA kernel that finds the sidebands against the CPU's: the same tables, bit by bit.

In Numba's simulator, or on a machine with a GPU.
"""

import numpy as np
import pytest

from recon.calibration import Calibration
from recon.device.backend import on_host
from recon.kernels.arguments import Geometry, Tables
from recon.kernels.cpu import sideband_geometry
from recon.kernels.cuda import sideband_geometry as cuda_geometry
from recon.ssb.bright_field import OFFSETS, bright_field
from tests.support import simulator

MARGIN = 16
NAMES = "first", "runs", "hard", "hard_at", "masks"

pytestmark = simulator.on_cuda_only


@pytest.fixture(autouse=True)
def brisk_simulator(monkeypatch):
    yield from simulator.take_turns(monkeypatch)


@pytest.fixture
def small_blocks(monkeypatch):
    """Fewer threads than pixels, so that a row takes several rounds of them."""
    simulator.make_small(monkeypatch)


def geometry_of(shape, sampling, across, rotation=0.0, transpose=False, triple=False):
    """What `find_runs` is given of a scan: its rows' q, the pixels, the step of columns."""
    calibration = Calibration(
        80e3, 25.0, sampling, (4.2, 3.9), 3.3, rotation_deg=rotation, transpose=transpose
    )
    disc = bright_field(calibration, (9, 9), across)
    sub_points = np.stack(np.meshgrid(OFFSETS, OFFSETS, indexing="ij")).reshape(2, -1)
    rotate = calibration.detector_to_scan
    q_y = np.fft.fftfreq(shape[0], sampling[0])
    step = 1 / (shape[1] * sampling[1])
    points = rotate @ (sub_points * disc.width)
    columns = shape[1] // 2 + 1
    return Geometry(q_y, rotate @ disc.k, points, calibration.k0, step, columns, triple)


def tables(find_runs, geometry):
    """The five tables, counted and filled, with a margin before the entries as G has it."""
    first = np.zeros((4, geometry.q_y.size + 1), np.int64)
    none, empty = np.empty((0, 4), np.uint16), np.empty(0, np.uint16)
    find_runs(geometry, first, Tables(none, none, np.empty(0, np.int32), empty))
    first = np.cumsum(first, axis=1)
    first[2:] += MARGIN
    runs, hard, _, masks = first[:, -1]
    filled = Tables(
        np.zeros((runs, 4), np.uint16),
        np.zeros((hard, 4), np.uint16),
        np.zeros(hard, np.int32),
        np.zeros(masks + MARGIN, np.uint16),
    )
    find_runs(geometry, first, filled)
    return [on_host(table) for table in (first, *filled)]


def assert_same_tables(geometry):
    expected = tables(sideband_geometry.find_runs, geometry)
    found = tables(cuda_geometry.find_runs, geometry)
    for name, one, other in zip(NAMES, found, expected, strict=True):
        np.testing.assert_array_equal(one, other, name)
    return expected


@pytest.mark.parametrize("triple", [False, True], ids=["sidebands", "full"])
@pytest.mark.parametrize(
    ("shape", "sampling", "across", "rotation", "transpose"),
    [
        ((6, 9), (0.4, 0.45), 6, 33.0, True),
        ((5, 9), (0.4, 0.45), 4, 0.0, False),
        ((3, 40), (0.9, 0.31), 4, -70.0, False),
        ((9, 6), (0.2, 1.1), 6, 90.0, True),
    ],
    ids=["nearly square", "not rotated", "wide", "high"],
)
def test_tables_are_those_of_the_cpu(
    small_blocks, shape, sampling, across, rotation, transpose, triple
):
    geometry = geometry_of(shape, sampling, across, rotation, transpose, triple)
    _, runs, hard, _, _ = assert_same_tables(geometry)
    kinds = set(runs[:, 3])
    assert len(kinds) > 3
    assert triple == (sideband_geometry.TRIPLE in kinds)
    assert set(hard[:, 3]) <= {1, 2, 6}


def test_blocks_of_the_size_for_a_gpu_give_the_same_tables():
    # More pixels than a block has threads.
    assert_same_tables(geometry_of((2, 24), (0.9, 0.4), 14, 20.0))


def test_pixels_on_the_very_edge_of_the_aperture_fall_to_the_same_side(small_blocks):
    # Whole numbers and a step that divides k0: sums of squares that are equal, and many of them.
    k = np.stack(np.meshgrid(np.arange(-5.0, 6), np.arange(-5.0, 6))).reshape(2, -1)
    points = np.stack(np.meshgrid([-3.0, -1, 1, 3], [-3.0, -1, 1, 3])).reshape(2, -1)
    geometry = Geometry(np.array([0.0, 1, 3, -4, -1]), k, points, 5.0, 0.5, 30, True)
    edge = np.sum(k**2, axis=0) == 25
    assert edge.sum() == 12
    assert_same_tables(geometry)


def test_a_scan_that_resolves_nothing_has_empty_tables(small_blocks):
    geometry = geometry_of((6, 6), (0.4, 0.4), 4)
    far = geometry._replace(q_y=geometry.q_y + 10 * geometry.k0)
    first, *others = assert_same_tables(far)
    assert not first[:2].any()
    assert [table.size for table in others] == [0, 0, 0, 2 * MARGIN]


def test_an_aperture_of_more_columns_than_the_scan_has_is_cut_there(small_blocks):
    # A coarse scan: the disc spans five times the half plane's columns.
    geometry = geometry_of((6, 8), (1.5, 1.5), 5, 15.0)
    assert_same_tables(geometry._replace(step=geometry.k0 / 12))


def test_the_widest_scan_that_a_table_can_hold_is_walked_to_its_last_column(small_blocks):
    columns, geometry = 2**15, geometry_of((4, 8), (0.9, 0.4), 4)
    first_two, step = geometry.k[:, :2].copy(), geometry.k0 / columns
    _, runs, *_ = assert_same_tables(geometry._replace(k=first_two, step=step, columns=columns))
    assert (runs[:, 1].astype(int) + runs[:, 2]).max() == columns
