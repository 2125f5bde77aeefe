"""Sparse matrices of counts, in memory and in `.npz`, against their dense arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import recon.io.events.npz
import recon.io.events.sparse_npz
from recon.errors import UnreadableFile
from recon.io import events_from_sparse, open_events
from tests.support.sparse_arrays import Coo
from tests.support.strategies import dense

FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")


@st.composite
def cubes(draw):
    """(Sy, Sx, K, K) counts of 0 to 3."""
    shape = draw(st.tuples(*[st.integers(1, 4)] * 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.choice([0, 0, 1, 3], (shape[0], shape[1], shape[2], shape[2]))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "counts.npz"


def refused(path, match, **options):
    with pytest.raises(UnreadableFile, match=match) as caught:
        open_events(path, **options)
    assert str(caught.value).startswith(path.name)
    assert "\n" not in str(caught.value)


def flat(cube):
    return cube.reshape(cube.shape[0] * cube.shape[1], -1)


@given(cubes(), st.sampled_from(FORMATS), st.sampled_from([np.int32, np.uint8, float]))
def test_matrices_in_memory(cube, form, dtype):
    matrix = sparse.coo_array(flat(cube).astype(dtype)).asformat(form)
    events = events_from_sparse(matrix, scan_shape=cube.shape[:2])
    assert np.array_equal(dense(events), cube)


@given(cubes())
def test_arrays_of_coordinates(cube):
    assert np.array_equal(dense(events_from_sparse(Coo(cube))), cube)
    assert np.array_equal(
        dense(events_from_sparse(Coo(flat(cube)), scan_shape=cube.shape[:2])), cube
    )


@given(cubes(), st.sampled_from(["csr", "csc", "coo"]), st.booleans())
def test_what_scipy_saves_is_read(tmp_path_factory, cube, form, compressed):
    path = tmp_path_factory.mktemp("sparse") / "counts.npz"
    sparse.save_npz(path, sparse.coo_array(flat(cube)).asformat(form), compressed=compressed)
    events = open_events(path, scan_shape=cube.shape[:2])
    assert np.array_equal(dense(events), cube)
    assert events.source.format.startswith(f"sparse NPZ, {form} of shape ")


@given(cubes())
def test_what_pydatas_sparse_saves_is_read(tmp_path_factory, cube):
    path, coo = tmp_path_factory.mktemp("sparse") / "counts.npz", Coo(cube)
    np.savez_compressed(path, data=coo.data, coords=coo.coords, shape=coo.shape, fill_value=0)
    assert np.array_equal(dense(open_events(path)), cube)


def test_a_pixel_listed_twice_has_the_sum(path):
    parts = ([1, 2, 1], [3, 3, 0], [0, 2, 3])
    sparse.save_npz(path, sparse.csr_array(parts, shape=(2, 4)))
    events = open_events(path, scan_shape=(1, 2))
    assert [frame.tolist() for frame in events.frames()] == [[3, 3, 3], [0]]


class TestShapes:
    def test_the_scan_is_asked_for(self, path):
        sparse.save_npz(path, sparse.eye_array(12, 16).tocsr())
        refused(path, r"12 frames and does not say .* 3 × 4 or 4 × 3")
        assert open_events(path, scan_shape=(3, 4)).frame_shape == (4, 4)

    def test_a_detector_that_is_not_square_is_asked_for(self, path):
        sparse.save_npz(path, sparse.eye_array(4, 15).tocsr())
        refused(path, r"15 pixels are no square .* 3 × 5 or 5 × 3", scan_shape=(2, 2))
        events = open_events(path, scan_shape=(2, 2), frame_shape=(3, 5))
        assert events.frame_shape == (3, 5)
        refused(path, "do not fill a detector", scan_shape=(2, 2), frame_shape=(3, 4))

    def test_four_dimensions_say_it(self):
        with pytest.raises(UnreadableFile, match=r"the scan has 2 × 3, not \(3, 2\)"):
            events_from_sparse(Coo(np.ones((2, 3, 4, 4))), scan_shape=(3, 2))
        with pytest.raises(UnreadableFile, match=r"needs two dimensions .* not 3"):
            events_from_sparse(Coo(np.ones((2, 3, 4))))


def arrays(form="csr", **changes):
    values = {
        "format": np.array(form.encode()),
        "shape": np.array([2, 4]),
        "data": np.array([1, 1, 1]),
        "indices": np.array([3, 2, 0], np.int32),
        "indptr": np.array([0, 2, 3], np.int32),
        "row": np.array([0, 0, 1]),
        "col": np.array([3, 2, 0]),
    } | changes
    return {name: value for name, value in values.items() if value is not None}


def gcxs(cube, axes, **changes):
    """The arrays that pydata's sparse.GCXS stores: rows are `axes`, flattened, columns the rest."""
    order = [*axes, *(axis for axis in range(cube.ndim) if axis not in axes)]
    rows = int(np.prod([cube.shape[axis] for axis in axes]))
    table = sparse.csr_array(np.transpose(cube, order).reshape(rows, -1))
    return {
        "format": np.array("gcxs"),
        "shape": np.array(cube.shape),
        "compressed_axes": np.array(axes),
        "fill_value": np.array(0),
        "data": table.data,
        "indices": table.indices,
        "indptr": table.indptr,
    } | changes


@pytest.mark.parametrize("axes", [(0, 1), (0,), (3,), (0, 2), (1, 2, 3)])
def test_gcxs_is_read_whatever_its_rows_are(axes, path):
    cube = np.random.default_rng(3).poisson(0.3, (3, 4, 5, 6))
    np.savez(path, **gcxs(cube, axes))
    np.testing.assert_array_equal(dense(open_events(path)), cube)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"fill_value": np.array(2)}, "what is not listed counts 2, not 0"),
        ({"compressed_axes": np.array([0, 7])}, r"has the rows \[0, 7\]"),
        ({"compressed_axes": np.array([0, 0])}, r"has the rows \[0, 0\]"),
        ({"compressed_axes": np.array([0, 1, 2, 3])}, "has the rows"),
        ({"compressed_axes": np.array([0])}, "indptr has 13 entries for 3 lines"),
        ({"indptr": np.arange(13)}, "does not rise from 0"),
        ({"indices": np.array([99])}, "does not rise from 0 to the 1 stored"),
    ],
)
def test_gcxs_that_does_not_fit_is_refused(changes, match, path):
    cube = np.random.default_rng(3).poisson(0.3, (3, 4, 5, 6))
    np.savez(path, **gcxs(cube, (0, 1), **changes))
    refused(path, match)


class TestDamage:
    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"indices": np.array([3, 2, 4])}, "index 4 at scan position 1 lies outside"),
            ({"indices": np.array([3, 2, -1])}, "index -1 at scan position 1 lies outside"),
            ({"indices": np.array([3, 2])}, "does not rise from 0 to the 2"),
            ({"indices": np.array([3.0, 2, 1])}, "indices must be a one-dimensional array of int"),
            ({"indptr": np.array([0, 2])}, "indptr has 2 entries for 2 lines"),
            ({"indptr": np.array([0, 4, 3])}, "does not rise"),
            ({"indptr": np.array([[0, 2, 3]])}, "one-dimensional"),
            ({"data": np.array([1, 1])}, "2 counts do not fit 3 indices"),
            ({"data": np.array([1, -1, 1])}, "a count of -1 is none"),
            ({"data": np.array([1, 0.5, 1])}, "a count of 0.5 is no whole number"),
            ({"data": np.array([1, np.inf, 1])}, "a count of inf is more"),
            ({"data": np.array([1, 10**12, 1])}, "a count of 1000000000000 is more than"),
            ({"data": np.array(["1", "1", "1"])}, "data must be .* of numbers"),
            ({"shape": np.array([2, 4, 1])}, "no scan has the shape"),
            ({"shape": np.array([2, 0])}, "no scan has the shape"),
            ({"shape": np.array([2**62, 4])}, "is too large|indptr has 3"),
            ({"shape": np.array([2, 2**60])}, "no square detector|no detector"),
            ({"form": "bsr"}, "format 'bsr' is not supported"),
            ({"format": np.array([1, 2])}, "format '' is not supported"),
            ({"form": "coo", "row": np.array([0, 0, 2])}, "coordinate of axis 0 lies outside"),
            ({"form": "coo", "col": np.array([0, -1, 2])}, "coordinate of axis 1 lies outside"),
            ({"form": "coo", "col": None}, "no array 'col'"),
            ({"form": "coo", "shape": np.array([10**12, 4])}, "too large for 3 counts"),
            ({"form": "csc"}, "indptr has 3 entries for 4 lines"),
        ],
    )  # fmt: skip
    def test_arrays_that_do_not_fit(self, path, changes, match):
        np.savez(path, **arrays(**changes))
        shape = changes.get("shape", np.array([2, 4]))
        refused(path, match, scan_shape=(1, int(shape[0]) or 1))

    def test_no_bomb(self, path, monkeypatch):
        monkeypatch.setattr(recon.io.events.npz, "ALLOWANCE", 1 << 20)
        many = np.zeros(10**7, np.int32)
        np.savez_compressed(path, **arrays(indices=many, data=many))
        refused(path, "claims 40000000 bytes", scan_shape=(1, 2))

    def test_counts_are_no_bomb(self, path, monkeypatch):
        monkeypatch.setattr(recon.io.events.sparse_npz, "ALLOWANCE", 1 << 20)
        np.savez(path, **arrays(data=np.array([1, 10**6, 10**6])))
        refused(path, "more than .* electrons: open it as dense", scan_shape=(1, 2))
