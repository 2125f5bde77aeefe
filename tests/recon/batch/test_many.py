"""Many scans: which are meant, how their results are called, what is done again and what is not."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from recon.batch import many
from recon.batch.choices import Choices
from recon.batch.many import names_of, parameters_of, reconstruct_many, scans_of
from recon.cluster.failure import WorkerLost
from recon.device.backend import DeviceError
from recon.io import write_events
from recon.scan.events import ElectronEvents
from recon.simulate.scan import truth
from tests.support.clusters import threads
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events


def random_events(seed):
    """Some electrons on 4 × 5 positions and 6 × 6 pixels."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3.0, 20)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    pixels = rng.integers(0, 36, offsets[-1]).astype(np.uint32)
    return ElectronEvents(pixels, offsets, (4, 5), (6, 6))


@pytest.fixture
def scans(tmp_path):
    """Three small scans, and a file that is none."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for seed, name in enumerate(("a.npz", "b.npz", "d.h5")):
        write_events(folder / name, random_events(seed=seed))
    (folder / "c.h5").write_bytes(b"no scan")
    return folder


@pytest.fixture
def recipe(monkeypatch):
    """Stands for the recipe: notes what it was given, and gives the number of electrons."""
    given = []

    def reconstruct(events, choices, report):
        given.append(events.source.name)
        return {"ssb/phase": np.zeros((2, 2))}, {"electrons": events.electrons, "labels": {}}

    monkeypatch.setattr(many, "reconstruct", reconstruct)
    return given


def states(folder, output, choices=None, **told):
    done = reconstruct_many(scans_of([folder]), output, choices or Choices(), **told)
    return {each.scan.name: each.state for each in done}


def test_a_folder_a_pattern_a_list_and_a_file_say_which_scans(scans, tmp_path):
    every = [scans / name for name in ("a.npz", "b.npz", "c.h5", "d.h5")]
    assert scans_of([scans]) == every
    assert scans_of([scans / "*.npz"]) == every[:2]
    listed = tmp_path / "list.txt"
    listed.write_text("scans/d.h5  # the last\n\nscans/*.npz\n", encoding="utf-8")
    assert scans_of([listed]) == [every[3], *every[:2]]
    assert scans_of([scans / "d.h5", scans]) == [every[3], *every[:3]]


def test_results_in_the_folder_are_no_scans(scans):
    results = scans / "results"
    results.mkdir()
    (results / "a.h5").write_bytes(b"")
    assert len(scans_of([scans])) == 5
    assert len(scans_of([scans], leave_out=results)) == 4


@pytest.mark.parametrize(
    ("source", "said"),
    [("nothing.h5", "There is no"), ("*.tpx3", "No file is called"), ("empty", "no scan in")],
)
def test_what_is_not_there_is_said(tmp_path, source, said):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=said):
        scans_of([tmp_path / source])


def test_no_two_results_have_one_name():
    paths = [Path("day1/a.h5"), Path("day2/a.h5"), Path("b.npz"), Path("B.h5"), Path("c.mib")]
    names = names_of(paths)
    assert names[Path("c.mib")] == "c"
    assert names[Path("b.npz")] == "b.npz"
    assert len({name.casefold() for name in names.values()}) == len(paths)


def test_a_scan_that_fails_costs_no_other(scans, tmp_path, recipe):
    found = {
        each.scan.name: each
        for each in reconstruct_many(scans_of([scans]), tmp_path / "out", Choices())
    }
    assert {name: each.state for name, each in found.items()} == {
        "a.npz": "done",
        "b.npz": "done",
        "c.h5": "failed",
        "d.h5": "done",
    }
    assert "c.h5" in found["c.h5"].sentence
    assert not found["c.h5"].results.exists()
    assert found["a.npz"].parameters["electrons"] == random_events(seed=0).electrons
    assert found["a.npz"].parameters == parameters_of(tmp_path / "out" / "a.h5")


def test_an_error_nobody_foresaw_costs_no_other_either(scans, tmp_path, monkeypatch):
    def reconstruct(events, choices, report):
        raise KeyError("a fault of ours")

    monkeypatch.setattr(many, "reconstruct", reconstruct)
    found = list(reconstruct_many([scans / "a.npz", scans / "b.npz"], tmp_path / "out", Choices()))
    assert [each.sentence for each in found] == ["KeyError: 'a fault of ours'"] * 2


def test_what_is_done_and_unchanged_is_not_done_again(scans, tmp_path, recipe):
    output = tmp_path / "out"
    first = states(scans, output)
    assert recipe == ["a.npz", "b.npz", "d.h5"]
    recipe.clear()
    again = states(scans, output)
    assert recipe == []
    assert again == {name: s.replace("done", "unchanged") for name, s in first.items()}


def test_other_electrons_other_settings_and_lost_results_are_done_again(scans, tmp_path, recipe):
    output = tmp_path / "out"
    states(scans, output)
    recipe.clear()
    write_events(scans / "a.npz", random_events(seed=7))
    os.truncate(output / "d.h5", 100)
    states(scans, output)
    assert recipe == ["a.npz", "d.h5"]
    recipe.clear()
    states(scans, output, Choices(pixels_across=12))
    assert recipe == ["a.npz", "b.npz", "d.h5"]
    recipe.clear()
    states(scans, output, Choices(pixels_across=12), reading={"keep_flyback": True})
    assert recipe == ["a.npz", "b.npz", "d.h5"]


def test_a_file_that_was_only_touched_is_not_done_again(scans, tmp_path, recipe):
    output = tmp_path / "out"
    states(scans, output)
    recipe.clear()
    os.utime(scans / "a.npz", ns=(1, 1))
    assert states(scans, output)["a.npz"] == "unchanged"
    assert recipe == []


def test_a_header_beside_the_scan_belongs_to_it(scans, tmp_path, recipe):
    output = tmp_path / "out"
    (scans / "a.hdr").write_text("1")
    states(scans, output)
    recipe.clear()
    (scans / "a.hdr").write_text("2")
    states(scans, output)
    assert recipe == ["a.npz"]


def test_who_stops_it_finds_whole_results_only(scans, tmp_path, monkeypatch):
    output, begun = tmp_path / "out", []

    def reconstruct(events, choices, report):
        begun.append(events.source.name)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return {"ssb/phase": np.zeros((2, 2))}, {"electrons": 1, "labels": {}}

    monkeypatch.setattr(many, "reconstruct", reconstruct)
    found = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(reconstruct_many(scans_of([scans]), output, Choices()))
    assert [path.name for path in output.iterdir()] == ["a.h5"]
    with h5py.File(output / "a.h5") as file:
        assert json.loads(file.attrs["parameters"])["electrons"] == 1


def test_a_gpu_that_is_wanted_and_absent_is_no_scans_fault(scans, tmp_path, monkeypatch):
    def none(name):
        raise DeviceError("No GPU.")

    monkeypatch.setattr(many, "choose", none)
    with pytest.raises(DeviceError):
        list(reconstruct_many(scans_of([scans]), tmp_path / "out", Choices(device="gpu")))


def test_workers_of_a_cluster_take_a_scan_each(scans, tmp_path, recipe):
    output = tmp_path / "out"
    with threads(2) as cluster:
        told = {"a.npz": "done", "b.npz": "done", "c.h5": "failed", "d.h5": "done"}
        assert states(scans, output, cluster=cluster) == told
        write_events(scans / "b.npz", random_events(seed=9))
        again = dict.fromkeys(told, "unchanged") | {"b.npz": "done", "c.h5": "failed"}
        assert states(scans, output, cluster=cluster) == again
    assert sorted(recipe) == ["a.npz", "b.npz", "b.npz", "d.h5"]
    assert parameters_of(output / "b.h5")["electrons"] == random_events(seed=9).electrons


def test_what_a_worker_dies_of_is_done_by_all_of_them_in_slabs(scans, tmp_path, monkeypatch):
    path = tmp_path / "scan.npz"
    write_events(path, weak_events(metadata=truth(CALIBRATION, ABERRATIONS)))
    alone, together = tmp_path / "alone", tmp_path / "together"
    (expected,) = reconstruct_many([path], alone, Choices(device="cpu"))

    def killed(*arguments):
        raise WorkerLost("It took too much memory.")

    with threads(2) as cluster:
        result = cluster.result
        task = lambda future, *needed: result(future, *needed) if needed else killed()  # noqa: E731
        monkeypatch.setattr(cluster, "result", task)
        (done,) = reconstruct_many([path], together, Choices(device="cpu"), cluster=cluster)
    assert (expected.state, done.state, done.sentence) == ("done", "done", "")
    assert done.parameters["device"]["used"] == "cluster"
    with h5py.File(expected.results) as one, h5py.File(done.results) as other:
        phase = one["ssb/phase"][()]
        np.testing.assert_allclose(other["ssb/phase"][()], phase, atol=2e-6 * abs(phase).max())
