"""Scans of every kind in the page and on the command line: dense frames, and files that ask."""

import json

import h5py
import numpy as np
import pytest

from app.cli import main
from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.pipeline import summary as opening
from app.pipeline.lanes import ComputeService
from app.state.experiment import Experiment
from app.state.link import from_query, to_query
from app.state.request import Annulus, Dpc, Geometry, Reading, Region
from app.views.scan_shape import ScanShape
from recon.io import write_events
from recon.scan.kinds import is_dense
from tests.support.eer_files import CODES, encode, random_hits, tiff
from tests.support.fake_gpu import fake_gpu
from tests.support.paths import SHARED
from tests.support.scans import ABERRATIONS, CALIBRATION, weak_events
from tests.support.sessions import Session

pytestmark = pytest.mark.usefixtures("few_frequencies")
REGIONS = Region((0, 1, 2, 0), (1, 0, 0, 2)), Region(scan_bin=2)
FORMATS = SHARED / "data" / "formats"


def dense(events):
    frames = np.zeros((events.positions, events.frame_shape[0] * events.frame_shape[1]), np.float32)
    for frame, pixels in zip(frames, events.frames(), strict=True):
        np.add.at(frame, pixels, 1)
    return frames.reshape(*events.scan_shape, *events.frame_shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    events = weak_events(400)
    write_events(folder / "scan.npz", events)
    frames = dense(events)
    frames[0, 0, 0, 0] += 1e-4  # No count: the scan stays one of frames.
    np.save(folder / "scan.npy", frames)
    np.save(folder / "stack.npy", frames.reshape(-1, *frames.shape[2:]))
    rng = np.random.default_rng(0)
    bits, shape = CODES[65001], (16, 16)
    pages = [encode(random_hits(rng, 20, 256, bits), 256, bits) for _ in range(24)]
    tiff(folder / "scan.eer", pages, shape, 65001)
    return folder


@pytest.fixture
def service():
    service = ComputeService()
    yield service
    service.close()


def pictures(engine, reading, region, judged):
    scan = engine.scan(reading, region)
    geometry = Geometry(80e3, 25.0, CALIBRATION.scan_sampling, auto_orientation=judged)
    found = engine.find(scan, geometry)
    g = engine.sidebands(scan, found.calibration, 12, full=True)
    dpc = engine.dpc(scan, found.calibration, Dpc())
    return is_dense(scan.events), {
        "pacbed": engine.pacbed(scan),
        "com": engine.com(scan),
        "phase": engine.phase(g, ABERRATIONS, "exact", "full"),
        "dpc": dpc.phase,
        "rotation": np.array([found.rotation_deg]),
        **engine.virtual(scan, found, Annulus(0.3, 1.2)),
    }


@pytest.fixture(scope="module")
def of_electrons(folder):
    """The pictures of a region that the electrons give, made once."""
    made = {}

    def pictures_of(*asked):
        if asked not in made:
            _, made[asked] = pictures(Engine(Catalogue(folder)), Reading("scan.npz"), *asked)
        return made[asked]

    return pictures_of


@pytest.mark.parametrize(
    ("region", "judged"),
    [
        (Region(), True),
        *((region, False) for region in REGIONS),
        *(pytest.param(region, True, marks=pytest.mark.slow) for region in REGIONS),
    ],
)
@pytest.mark.parametrize("on", ["cpu", "gpu"])
def test_frames_give_the_pictures_that_their_electrons_give(
    folder, of_electrons, on, region, judged, monkeypatch
):
    """Of the whole scan, and with `--slow` of its regions, sidebands judge the orientation too."""
    fake = fake_gpu("cpu", monkeypatch)
    options = {"device": fake.device, "strict": True} if on == "gpu" else {}
    expected = of_electrons(region, judged)
    engine = Engine(Catalogue(folder), **options)
    as_frames, made = pictures(engine, Reading("scan.npy"), region, judged)
    assert as_frames
    for name, image in made.items():
        assert isinstance(image, np.ndarray), name
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(image, expected[name], atol=1e-4 * scale, err_msg=name)
    assert fake.problems == []


def test_a_file_without_a_scan_shape_asks_and_is_opened_by_one_click(folder, service):
    experiment = Experiment("scan.eer")
    session = Session(Engine(Catalogue(folder)), service, experiment).start()
    fields = ScanShape(experiment.scan)
    assert not fields.controls.visible
    session.until(lambda: session.all("question"))
    (asked,) = session.all("question")
    assert asked.shapes == ((4, 6), (6, 4), (3, 8), (8, 3))
    assert not asked.timed
    assert session.all("error") == [asked.sentence]
    assert "24 frames" in asked.sentence
    fields.ask(asked)
    assert fields.controls.visible
    assert fields.controls.hidden == ["dwell_us", "trigger"]
    buttons = [each for each in fields.controls.specs if each["kind"] == "button"]
    assert [each["label"] for each in buttons] == ["4 × 6", "6 × 4", "3 × 8", "8 × 3"]
    fields.controls._handle_msg({"press": buttons[1]["name"]})
    session.until(lambda: session.all("scan"))
    assert session.all("question")[-1] is None
    summary = session.all("scan")[-1]
    assert summary.scan_shape == (6, 4)
    assert summary.electrons == 24 * 20
    query = to_query(experiment)
    assert (query["rows"], query["columns"]) == ("6", "4")
    fields.ask(None)
    assert fields.controls.visible  # what was answered can be changed
    fields.say(summary)
    assert "480 electrons" in fields.found.text
    # Another file has a shape of its own.
    experiment.scan.dataset = "scan.npy"
    assert experiment.scan.scan_rows is None
    session.until(lambda: session.all("scan")[-1].dataset == "scan.npy")
    assert session.all("scan")[-1].line == "scan · 20 × 24 · 28 × 26 px"
    fields.close()
    session.pipeline.close()


def test_a_shape_that_does_not_fit_is_a_question_too(folder, service):
    experiment = Experiment("scan.eer")
    from_query(experiment, {"rows": "5", "columns": "5"})
    session = Session(Engine(Catalogue(folder)), service, experiment).start()
    session.until(lambda: session.all("question"))
    assert "24 frames do not fill a scan of 5 × 5 positions" in session.all("question")[0].sentence
    session.pipeline.close()


def test_a_question_that_is_not_answered_can_be_left(folder, service):
    session = Session(Engine(Catalogue(folder)), service, Experiment("scan.npy")).start()
    session.until(lambda: session.all("scan"))
    session.experiment.scan.dataset = "scan.eer"
    session.until(lambda: session.all("question") and session.all("question")[-1])
    session.experiment.scan.dataset = "stack.npy"
    session.until(lambda: "480 frames" in session.all("question")[-1].sentence)
    session.pipeline.cancel()
    assert session.experiment.scan.dataset == "scan.npy"
    session.pipeline.close()


def test_values_of_a_file_are_offered_with_where_they_stand():
    said = {"energy": "scan.xml: voltage", "scan_sampling": "scan.xml: field", "camera_length": "x"}
    metadata = {"energy": 3e5, "scan_sampling": (1.0, 1.0), "camera_length": 0.5, "origins": said}
    assert opening.origins(metadata) == {
        "energy_kev": "scan.xml: voltage",
        "scan_step_y": "scan.xml: field",
        "scan_step_x": "scan.xml: field",
    }
    assert opening.besides(metadata) == [
        "The file gives: beam energy (scan.xml: voltage), scan step (scan.xml: field).",
        "Camera length: 0.5 m (x).",
    ]
    assert opening.besides({"energy": 3e5}) == []


@pytest.mark.skipif(not FORMATS.is_dir(), reason="the small files of other instruments are absent")
@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("test1.blo", (3, 2), {"energy_kev": 200.0, "scan_step_y": 128.0}),
        ("001_4x2_6bit.mib", (2, 4), {}),
        ("scan_x4_y4.raw", (4, 4), {"energy_kev": 300.0}),
    ],
)
def test_files_of_other_instruments_open_in_the_page(name, shape, said, service):
    session = Session(Engine(Catalogue(FORMATS)), service, Experiment(name)).start()
    session.until(lambda: session.all("virtual") or session.all("error"))
    assert session.all("error") == []
    summary = session.all("scan")[-1]
    assert (summary.scan_shape, summary.electrons) == (shape, None)
    assert {name: getattr(session.experiment.scan, name) for name in said} == said
    assert set(said) <= set(summary.origins)
    session.pipeline.close()


@pytest.mark.skipif(not FORMATS.is_dir(), reason="the small files of other instruments are absent")
def test_a_recording_in_time_asks_for_its_dwell_time(service):
    name = "raw_test_data_serval_4_3_0.tpx3"
    session = Session(Engine(Catalogue(FORMATS)), service, Experiment(name)).start()
    session.until(lambda: session.all("question"))
    assert session.all("question")[-1].timed
    scan = session.experiment.scan
    fields = ScanShape(scan)
    fields.ask(session.all("question")[-1])
    assert fields.controls.hidden == []
    scan.param.update(scan_rows=8, scan_columns=8, dwell_us=30_000.0)
    session.until(lambda: session.all("scan"))
    summary = session.all("scan")[-1]
    assert summary.scan_shape == (8, 8)
    # Nothing marks the beginning of the scan, and that is said.
    assert any("beginning of the scan" in note for note in summary.notes)
    assert any("beginning of the scan" in note for note in session.all("notice"))
    assert to_query(session.experiment)["dwell"] == "30000"
    fields.close()
    session.pipeline.close()


def run(*words):
    return main([str(word) for word in words])


def test_frames_are_reconstructed_on_the_command_line(folder, tmp_path, capsys):
    known = ["--energy-kev", 80, "--semiangle-mrad", 25]
    known += ["--scan-step-angstrom", "{},{}".format(*CALIBRATION.scan_sampling)]
    phases = []
    for name, more in (("scan.npz", []), ("stack.npy", ["--scan-shape", "20,24"])):
        output = tmp_path / f"{name}.h5"
        assert run("reconstruct", folder / name, "-o", output, *known, *more) == 0
        with h5py.File(output) as file:
            phases.append(file["ssb/phase"][()])
            parameters = json.loads(file.attrs["parameters"])
    assert parameters["electrons"] is None
    assert parameters["statement"] in capsys.readouterr().out
    assert "frames of 28 × 26 pixels (float32) at 20 × 24 positions" in parameters["statement"]
    np.testing.assert_allclose(phases[1], phases[0], atol=1e-4 * np.abs(phases[0]).max())


def test_health_of_frames_is_told_on_the_command_line(folder, capsys):
    assert run("info", folder / "scan.npy", "--health", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["summary"] == "No problems found."
    assert {f["name"] for f in found["findings"]} >= {"hot pixels", "beam current", "descan"}


def test_the_command_line_asks_and_refuses_in_one_sentence(folder, tmp_path, capsys):
    def refused(*words):
        assert run(*words) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return err

    assert "is it 20 × 24 or 24 × 20" in refused("info", folder / "stack.npy")
    assert run("info", folder / "stack.npy", "--scan-shape", "20,24") == 0
    assert json.loads(capsys.readouterr().out)["scan_shape"] == [20, 24]
    assert "livestem count" in refused("convert", folder / "scan.npy", tmp_path / "out.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_several_arrays_asks_which_and_opens_the_one_chosen(folder, service):
    frames = np.load(folder / "scan.npy")
    with h5py.File(folder / "depths.h5", "w") as file:
        file["thin"], file["thick"] = frames, 2 * frames + 0.5
    experiment = Experiment("depths.h5")
    session = Session(Engine(Catalogue(folder)), service, experiment).start()
    fields = ScanShape(experiment.scan)
    session.until(lambda: session.all("question"))
    (asked,) = session.all("question")
    assert [name for name, _ in asked.arrays] == ["/thick", "/thin"]
    assert "2 arrays in the HDF5 file are equally large" in asked.sentence
    fields.ask(asked)
    assert fields.controls.visible
    assert fields.controls.hidden == ["dwell_us", "trigger", "scan_rows", "scan_columns"]
    (choice,) = [each for each in fields.controls.specs if each["name"] == "array"]
    assert [value for value, _ in choice["options"]] == ["", "/thick", "/thin"]
    fields.controls.values = fields.controls.values | {"array": "/thick"}
    session.until(lambda: session.all("scan"))
    assert session.all("question")[-1] is None
    assert "array /thick" in session.all("scan")[-1].found
    assert to_query(experiment)["array"] == "/thick"
    fields.ask(None)
    assert fields.controls.visible  # what was answered can be changed
    fields.controls.values = fields.controls.values | {"array": "/thin"}
    session.until(lambda: "array /thin" in session.all("scan")[-1].found)
    # Another file has no such array.
    experiment.scan.dataset = "scan.npy"
    assert experiment.scan.array == ""
    assert not fields.controls.visible
    session.until(lambda: session.all("scan")[-1].dataset == "scan.npy")
    fields.close()
    session.pipeline.close()
