"""From a file of events to a file of results: `livestem reconstruct`, as a user calls it."""

import resource
from contextlib import contextmanager
from shlex import split

import h5py
import numpy as np
import pytest

from app.cli import main
from recon.batch.contrasts import Contrasts
from recon.device import backend
from recon.io import write_events
from recon.scan.frames import DenseFrames
from recon.simulate.scan import truth
from tests.support.fake_gpu import fake_gpu
from tests.support.reconstructed import BEAM, ORIENTATION, PROBE, reconstruct
from tests.support.scans import (
    ABERRATIONS,
    CALIBRATION,
    FRAME_SHAPE,
    SCAN_SHAPE,
    atoms_phase,
    weak_events,
    weak_phase,
    write_4dcamera,
)

pytestmark = pytest.mark.usefixtures("few_frequencies")


@pytest.fixture(scope="module")
def events():
    return weak_events(10_000, truth(CALIBRATION, ABERRATIONS))


@pytest.fixture(scope="module")
def bare_file(events, tmp_path_factory):
    """A scan that says nothing of the experiment."""
    path = tmp_path_factory.mktemp("scans") / "bare.h5"
    return write_4dcamera(path, list(events.frames()), SCAN_SHAPE)


@pytest.fixture(scope="module")
def told_file(events, tmp_path_factory):
    """The same scan with its calibration and aberrations in it."""
    path = tmp_path_factory.mktemp("scans") / "told.npz"
    write_events(path, events)
    return path


@pytest.fixture(scope="module")
def reconstruction(bare_file, tmp_path_factory):
    output = tmp_path_factory.mktemp("results") / "out.h5"
    return reconstruct(bare_file, output, *BEAM, *ORIENTATION, *PROBE)


def waves(phase):
    """Amplitudes of the three waves of `weak_phase`."""
    return (np.fft.fft2(phase) / phase.size)[[3, -1, 5], [2, 4, 0]]


def test_every_result_has_its_name_and_shape(reconstruction):
    results, _ = reconstruction
    assert {name: value.shape for name, value in results.items()} == {
        "ssb/phase": SCAN_SHAPE,
        "ssb/object": SCAN_SHAPE,
        "dpc/phase": SCAN_SHAPE,
        "com": (2, *SCAN_SHAPE),
        "pacbed": FRAME_SHAPE,
        "virtual/bf": SCAN_SHAPE,
        "virtual/abf": SCAN_SHAPE,
        "virtual/adf": SCAN_SHAPE,
    }
    assert np.iscomplexobj(results["ssb/object"])
    assert all(np.isfinite(value).all() for value in results.values())


def test_the_phase_of_a_weak_object_comes_back_in_radians(reconstruction):
    results, _ = reconstruction
    expected = waves(weak_phase())
    np.testing.assert_allclose(waves(results["ssb/phase"]), expected, atol=0.1 * abs(expected[0]))


def test_dpc_shows_the_same_object_with_the_same_sign(reconstruction):
    results, _ = reconstruction
    ratio = waves(results["dpc/phase"]) / waves(weak_phase())
    assert np.all(ratio.real > 0.1)


def test_electrons_are_counted(reconstruction, events):
    results, _ = reconstruction
    assert results["pacbed"].sum() == events.electrons
    detected = results["virtual/bf"] + results["virtual/adf"]
    assert np.all(detected <= events.counts)
    np.testing.assert_allclose(results["com"].mean(axis=(1, 2)), 0, atol=1e-3)


def test_parameters_say_what_was_used_and_why(reconstruction):
    _, parameters = reconstruction
    used = parameters["calibration"]
    assert used["energy"] == 80e3
    assert used["semiangle_cutoff"] == 25
    assert used["scan_sampling"] == [0.4, 0.45]
    assert used["rotation_deg"] == -12
    assert used["transpose"] is False
    np.testing.assert_allclose(used["centre"], CALIBRATION.centre, atol=0.2)
    assert used["radius"] == pytest.approx(CALIBRATION.radius, abs=0.3)
    assert parameters["aberrations"]["C10"] == 60
    assert parameters["aberrations"]["C12b"] == 0
    assert parameters["mode"] == "exact"
    assert parameters["bright_field_pixels"] == 18
    assert parameters["dpc"]["iterations"] > 0
    assert {"livestem", "numpy", "numba"} <= set(parameters["versions"])
    assert parameters["sources"]["energy"] == "command line"
    assert parameters["sources"]["centre"] == "estimated from the data"


def test_what_is_not_typed_is_taken_from_the_file(told_file, tmp_path, reconstruction):
    typed, _ = reconstruction
    results, parameters = reconstruct(told_file, tmp_path / "out.h5", *PROBE)
    np.testing.assert_allclose(results["ssb/phase"], typed["ssb/phase"], atol=1e-5)
    names = ("energy", "semiangle_cutoff", "scan_sampling", "rotation_deg")
    assert {parameters["sources"][name] for name in names} == {"file"}


def test_aberrations_are_those_that_are_typed_and_what_the_file_says_else_is_told(
    told_file, tmp_path, capsys
):
    _, parameters = reconstruct(told_file, tmp_path / "out.h5", "--aberration", "C12a=25")
    assert {n: v for n, v in parameters["aberrations"].items() if v} == {"C12a": 25}
    assert parameters["sources"]["C12a"] == "command line"
    assert "C10" not in parameters["sources"]
    (said,) = parameters["contradictions"]
    assert said == "The aberrations in use are C10 = 0 Å, but the file says C10 = 60 Å."
    assert said in capsys.readouterr().out


def test_what_is_typed_goes_before_what_the_file_says(told_file, tmp_path):
    options = ["--energy-kev", "200", "--transpose"]
    _, parameters = reconstruct(told_file, tmp_path / "out.h5", *options)
    assert parameters["calibration"]["energy"] == 200e3
    assert parameters["calibration"]["transpose"] is True
    assert parameters["sources"]["energy"] == "command line"
    assert parameters["sources"]["semiangle_cutoff"] == "file"


def test_rotation_and_transpose_are_found_from_the_data(tmp_path):
    phase = atoms_phase()
    events = weak_events(2000, phase=phase, aberrations=None)
    path = write_4dcamera(tmp_path / "atoms.h5", list(events.frames()), phase.shape)
    options = [*BEAM, "--rotation-deg", "auto"]
    _, parameters = reconstruct(path, tmp_path / "out.h5", *options)
    assert parameters["sources"]["rotation_deg"] == "estimated from the data"
    found = parameters["calibration"]
    assert found["rotation_deg"] == pytest.approx(CALIBRATION.rotation_deg, abs=3)
    assert found["transpose"] is False
    assert parameters["orientation"]["statement"]


def test_every_mode_and_option_is_taken(bare_file, tmp_path):
    options = split("--mode draft --sideband left --bright-field-pixels 9 --keep-flyback")
    options += split("--dpc-iterations 3 --dpc-highpass 0.001 --dpc-lowpass 0.2 --dpc-step 0.3")
    options += split("--disc-centre 14.5,12.5 --disc-radius 9 --band-limit 0.8")
    _, parameters = reconstruct(bare_file, tmp_path / "out.h5", *BEAM, *options)
    assert (parameters["mode"], parameters["sideband"]) == ("draft", "left")
    assert parameters["bright_field_bin"] == 2
    assert parameters["band_limit"] == 0.8
    assert parameters["calibration"]["centre"] == [14.5, 12.5]
    expected = {"iterations": 3, "highpass": 0.001, "lowpass": 0.2, "step": 0.3}
    assert expected.items() <= parameters["dpc"].items()


def test_other_contrasts_are_written_under_their_labels_and_the_phase_stays(
    bare_file, reconstruction, tmp_path, capsys
):
    plain, _ = reconstruction
    output = tmp_path / "out.h5"
    asked = ["--wiener", "--obf", "--upsample", "2", "--frc"]
    results, parameters = reconstruct(bare_file, output, *BEAM, *ORIENTATION, *PROBE, *asked)
    for name, expected in plain.items():
        np.testing.assert_array_equal(results[name], expected, err_msg=name)
    added = {name: results[name].shape for name in results.keys() - plain.keys()}
    rings = added["ssb/resolution/q"]
    finer = tuple(2 * n for n in SCAN_SHAPE)
    assert added == {
        "ssb/phase_wiener": SCAN_SHAPE,
        "ssb/obf": SCAN_SHAPE,
        "parallax/image": finer,
        **{f"ssb/resolution/{name}": rings for name in ("q", "correlation", "count", "snr")},
    }
    # Wiener weights lie between 0 and 1.
    gain = waves(results["ssb/phase_wiener"]) / waves(plain["ssb/phase"])
    assert np.all((gain.real > 0.5) & (gain.real <= 1 + 1e-5))
    assert results["parallax/image"].mean() == pytest.approx(1)
    with h5py.File(output) as file:
        labels = {name: file[name].attrs["label"] for name in parameters["labels"]}
        assert labels == parameters["labels"]
        assert file["ssb/phase"].attrs["label"] == "SSB phase"
        assert tuple(file["ssb/phase"].attrs["sampling"]) == (0.4, 0.45)
        assert file["ssb/phase_wiener"].attrs["units"] == "rad"
    for name, words in (
        ("ssb/phase_wiener", "rad² Å²"),
        ("ssb/obf", "no phase in radians"),
        ("parallax/image", "pixels of 0.2 × 0.225 Å"),
        ("ssb/resolution/correlation", "two halves"),
    ):
        assert words in labels[name]
    assert parameters["wiener"]["level"] > 0
    assert parameters["parallax"]["upsample"] == 2
    assert 0.4 < parameters["resolution"]["1/7"] < 3
    said = " ".join(capsys.readouterr().out.split())
    assert parameters["resolution"]["statement"] in said


def test_contrasts_that_cannot_be_made_are_refused_before_any_work(bare_file, tmp_path, capsys):
    command = ["reconstruct", str(bare_file), "-o", str(tmp_path / "out.h5"), *BEAM]
    assert main([*command, "--wiener", "--mode", "sum"]) == 2
    assert "leave --wiener out" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(ValueError, match="count the electrons first"):
        Contrasts(frc=True).check(DenseFrames(None, (4, 4), (5, 5), np.uint8), "exact")


def test_a_scan_without_electrons_in_the_disc_is_refused(tmp_path, capsys):
    path = write_4dcamera(tmp_path / "scan.h5", [[0, 1]] * 24, (4, 6))
    output = tmp_path / "out.h5"
    arguments = ["reconstruct", str(path), "--output", str(output), *BEAM]
    for disc in ([], ["--disc-centre", "14,12", "--disc-radius", "5"]):
        assert main([*arguments, *disc]) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert "electrons" in message
        assert "Unexpected" not in message
        assert not output.exists()


QUICK = ["--bright-field-pixels", "8", "--dpc-iterations", "3"]


@contextmanager
def full_disk(limit=4096):
    """No file can grow beyond `limit` bytes: what a full disk does to whoever writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_no_partial_file(bare_file, tmp_path_factory, tmp_path, capsys):
    asked = [*BEAM, *ORIENTATION, *QUICK]

    def commands(folder):
        return (
            ["reconstruct", str(bare_file), "--output", str(folder / "out.h5"), *asked],
            ["convert", str(bare_file), str(folder / "out.npz")],
            ["convert", str(bare_file), str(folder / "copy.h5")],
        )

    # Once where there is room, so that all kernels are compiled and nothing else is written.
    roomy = tmp_path_factory.mktemp("roomy")
    assert [main(command) for command in commands(roomy)] == [0, 0, 0]
    capsys.readouterr()
    for command in commands(tmp_path):
        with full_disk():
            code = main(command)
        message = capsys.readouterr().err
        assert code == 2
        assert "the disk is full" in message
        assert message.count("\n") == 1
        assert list(tmp_path.iterdir()) == []


def test_an_older_output_stays_until_the_new_one_is_complete(bare_file, reconstruction, tmp_path):
    output = tmp_path / "out.h5"
    output.write_text("older")
    with full_disk():
        command = ["reconstruct", str(bare_file), "--output", str(output)]
        assert main([*command, *BEAM, *ORIENTATION, *QUICK]) == 2
    assert output.read_text() == "older"


FOUND = ["--bright-field-pixels", "12", "--rotation-deg", "auto"]


@pytest.fixture(scope="module")
def on_cpu(told_file, tmp_path_factory):
    """Results and parameters of the CPU, to which those of a GPU are held."""
    output = tmp_path_factory.mktemp("results") / "cpu.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recon.orientation.by_sidebands.FREQUENCIES", 40)
        return reconstruct(told_file, output, "--device", "cpu", *FOUND)


def test_the_gpu_gives_the_same_results_and_is_named(told_file, on_cpu, tmp_path, monkeypatch):
    fake = fake_gpu("cpu", monkeypatch)
    expected, by_cpu = on_cpu
    results, by_gpu = reconstruct(told_file, tmp_path / "gpu.h5", *FOUND)
    assert by_cpu["device"]["used"] == "cpu"
    assert by_cpu["device"]["name"].startswith("CPU, ")
    assert by_gpu["device"] == {"used": "gpu", "name": "Stand-in for a GPU"}
    for name in ("ssb/phase", "ssb/object", "dpc/phase", "com", "pacbed", "virtual/adf"):
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(results[name], expected[name], atol=1e-5 * scale)
    assert fake.live == 0
    assert fake.problems == []


def test_what_does_not_fit_the_gpu_is_done_by_the_cpu_and_told(
    told_file, on_cpu, tmp_path, monkeypatch, capsys
):
    fake_gpu("cpu", monkeypatch, total=1 << 12)
    results, parameters = reconstruct(told_file, tmp_path / "gpu.h5", *FOUND)
    assert parameters["device"]["used"] == "cpu"
    assert "memory is full" in parameters["device"]["statement"]
    assert parameters["device"]["statement"] in capsys.readouterr().out
    np.testing.assert_array_equal(results["pacbed"], on_cpu[0]["pacbed"])


def test_a_gpu_that_was_asked_for_and_is_full_is_one_sentence(
    told_file, tmp_path, monkeypatch, capsys
):
    fake_gpu("cpu", monkeypatch, total=1 << 12)
    output = tmp_path / "out.h5"
    command = ["reconstruct", str(told_file), "--output", str(output), "--device", "gpu"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith("The GPU's memory is full")
    assert said.count("\n") == 1
    assert not output.exists()


def test_a_gpu_that_is_not_there_is_one_sentence(told_file, tmp_path, monkeypatch, capsys):
    def gpu():
        raise backend.DeviceError("No GPU: none is here.")

    monkeypatch.setattr(backend, "gpu", gpu)
    command = ["reconstruct", str(told_file), "--output", str(tmp_path / "out.h5")]
    assert main([*command, "--device", "gpu"]) == 2
    assert capsys.readouterr().err == "No GPU: none is here.\n"
    assert main([*command, "--device", "tpu"]) == 2
    assert "none of auto, cpu, gpu" in capsys.readouterr().err
