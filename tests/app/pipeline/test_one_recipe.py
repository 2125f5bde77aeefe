"""The page's file, the command line's and Python's results are the same, bit for bit."""

import re
from dataclasses import asdict
from io import BytesIO
from shlex import split
from types import SimpleNamespace

import numpy as np
import pytest
from typer.main import get_command

from app.cli import app, main
from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.pipeline.lanes import ComputeService
from app.state.experiment import Experiment
from app.state.following import react
from app.state.origin import fill
from recon.batch.choices import DEFAULTS, Choices
from recon.batch.distortions import Straightening
from recon.batch.given import given_aberrations, given_geometry
from recon.batch.reconstruct import reconstruct
from recon.batch.settings import Annulus, Region
from recon.batch.sources import Sources
from recon.io import open_scan
from recon.optics import Aberrations
from recon.scan.events import from_frames
from tests.support.reconstructed import contents
from tests.support.scans import CALIBRATION, FRAME_SHAPE, SCAN_SHAPE, weak_events, write_4dcamera
from tests.support.sessions import Session

pytestmark = pytest.mark.usefixtures("few_frequencies")
STEP = "{},{}".format(*CALIBRATION.scan_sampling)
BEAM = ["--energy-kev", "80", "--semiangle-mrad", "25", "--scan-step-angstrom", STEP]
PROBE = ["--aberration", "C10=60", "--aberration", "C12a=25", "--bright-field-pixels", "10"]
KNOWN = {"energy": 80e3, "semiangle_cutoff": 25.0, "scan_sampling": CALIBRATION.scan_sampling}
KNOWN |= {"aberrations": {"C10": 60.0, "C12a": 25.0}, "pixels_across": 10}
HOT = (3, 22)


def weak_camera_file(folder):
    """Electrons in 4D Camera HDF5, of which nothing is known but what is typed."""
    return write_4dcamera(folder / "weak.h5", list(weak_events(3000).frames()), SCAN_SHAPE)


def dense_file(folder):
    """The same as frames."""
    events = weak_events(3000)
    frames = np.zeros((events.positions, FRAME_SHAPE[0] * FRAME_SHAPE[1]), np.uint16)
    for frame, pixels in zip(frames, events.frames(), strict=True):
        np.add.at(frame, pixels, 1)
    np.save(folder / "frames.npy", frames.reshape(*SCAN_SHAPE, *FRAME_SHAPE))
    return folder / "frames.npy"


def turned_file(folder):
    """A transposed detector with a hot pixel."""
    height, width = FRAME_SHAPE
    frames = []
    for pixels in weak_events(3000).frames():
        y, x = np.divmod(pixels, width)
        hot = np.full(200, HOT[1] * height + HOT[0])
        frames.append(np.concatenate([x * height + y, hot]))
    turned = from_frames(frames, SCAN_SHAPE, (width, height))
    return write_4dcamera(
        folder / "turned.h5", list(turned.frames()), SCAN_SHAPE, frame_shape=(width, height)
    )


CASES = {
    "weak, its orientation found": (weak_camera_file, [], {}, {}),
    "frames, of an orientation entered": (
        dense_file,
        ["--rotation-deg", "-12", "--no-transpose", "--dpc-iterations", "7"],
        {"rotation_deg": -12.0, "transpose": False, "dpc": {"iterations": 7}},
        {
            "scan": {"auto_orientation": False, "rotation_deg": -12.0, "transpose": False},
            "dpc": {"iterations": 7},
        },
    ),
    "turned, masked and straightened": (
        turned_file,
        split(
            "--rotation-deg 30 --transpose --mask-hot --descan auto --shear 0.1 --band-limit 0.8 "
            "--sideband left"
        ),
        {
            "rotation_deg": 30.0,
            "transpose": True,
            "mask_faulty": True,
            "straightening": Straightening(descan="auto", shear=0.1),
            "band_limit": 0.8,
            "sideband": "left",
        },
        {
            "scan": {"auto_orientation": False, "rotation_deg": 30.0, "transpose": True},
            "treatment": {"mask_faulty": True, "descan": True, "shear": 0.1},
            "detector": {"band_limit": 0.8, "sideband": "left"},
        },
    ),
}


@pytest.fixture(scope="module")
def service():
    service = ComputeService()
    yield service
    service.close()


def saved_by_the_page(path, service, settings):
    experiment = Experiment(path.name)
    engine = Engine(Catalogue(path.parent))
    session = Session(engine, service, experiment).start()
    session.until(lambda: session.all("scan") or session.all("error"))
    step_y, step_x = CALIBRATION.scan_sampling
    beam = {"energy_kev": 80.0, "semiangle_mrad": 25.0}
    beam |= {"scan_step_y": step_y, "scan_step_x": step_x}
    for part, values in settings.items():
        if part != "scan":
            getattr(experiment, part).param.update(**values)
    experiment.detector.bright_field_pixels = 10
    experiment.aberrations.param.update(defocus=-6.0, C12a=2.5)
    experiment.scan.param.update(**beam | settings.get("scan", {}))
    session.until(lambda: session.all("phase") or session.all("error"))
    assert session.all("error") == []
    session.until(lambda: session.pipeline.preparing.prepared.request.geometry.missing() == ())
    found = contents(BytesIO(session.pipeline.to_save("hdf5")().data))
    session.pipeline.close()
    engine.close()
    return found


def keys(value, path=""):
    """Names in nested mappings, as paths; what `sources` names depends on who says it."""
    if not isinstance(value, dict):
        return {path}
    return set().union({path}, *(keys(each, f"{path}/{name}") for name, each in value.items()))


@pytest.mark.parametrize("case", CASES)
def test_page_command_line_and_python_give_the_same(case, tmp_path, service):
    make, options, choices, settings = CASES[case]
    path = make(tmp_path)
    paged, said_by_page = saved_by_the_page(path, service, settings)
    output = tmp_path / "results" / "out.h5"
    output.parent.mkdir()
    command = ["reconstruct", str(path), "--output", str(output), *BEAM, *PROBE, *options]
    assert main([*command, "--device", "cpu"]) == 0
    typed, said_by_command = contents(output)
    called, said_by_python = reconstruct(open_scan(path), Choices(**KNOWN | choices, device="cpu"))
    assert set(paged) == set(typed) == set(called)
    for name, array in typed.items():
        np.testing.assert_array_equal(paged[name], array, err_msg=f"{name} of the page")
        np.testing.assert_array_equal(called[name], array, err_msg=f"{name} of Python")
    assert keys(said_by_page) == keys(said_by_command)
    assert set(said_by_python) == set(said_by_command)
    for name in ("calibration", "treatment", "disc", "orientation", "faulty_pixels", "statement"):
        assert said_by_page[name] == said_by_command[name], name
    for name in ("aberrations", "region", "annulus", "dpc", "band_limit", "mode", "sideband"):
        assert said_by_page[name] == said_by_command[name], name


def test_a_part_of_the_scan_at_a_lower_dose_is_the_same_in_the_page_and_in_python(
    tmp_path, service
):
    path = weak_camera_file(tmp_path)
    direct = {"method": "direct", "highpass": 1e-4, "lowpass": 0.1}
    settings = {
        "scan": {"auto_orientation": False, "rotation_deg": -12.0, "crop_top": 1, "crop_bottom": 2},
        "detector": {
            "detector_top": 1,
            "detector_right": 1,
            "annulus_inner": 0.2,
            "annulus_outer": 0.7,
        },
        "treatment": {"dose_percent": 50.0, "dose_draw": 3},
        "dpc": direct,
    }
    paged, said_by_page = saved_by_the_page(path, service, settings)
    choices = Choices(
        **KNOWN,
        rotation_deg=-12.0,
        region=Region(scan=(1, 2, 0, 0), detector=(1, 0, 0, 1)),
        annulus=Annulus(0.2, 0.7),
        dose_share=0.5,
        draw=3,
        dpc=direct,
        device="cpu",
    )
    called, said_by_python = reconstruct(open_scan(path), choices)
    assert called["ssb/phase"].shape == (SCAN_SHAPE[0] - 3, SCAN_SHAPE[1])
    assert set(paged) == set(called)
    for name, array in called.items():
        np.testing.assert_array_equal(paged[name], array, err_msg=name)
    assert set(said_by_page) == set(said_by_python)
    assert said_by_page["electrons"] == said_by_python["electrons"]
    assert said_by_page["calibration"]["centre"] == list(said_by_python["calibration"]["centre"])


MADE = {"energy": 80e3, "semiangle_cutoff": 25.0, "scan_sampling": (0.4, 0.45)}
"""What a file must say, or nothing can be reconstructed."""


def of_the_page(metadata):
    """A request as it is once a scan was opened and nothing touched."""
    experiment = Experiment()
    fill(experiment.scan, metadata, {})
    return experiment, experiment.request()


def typed(monkeypatch, tmp_path, *options):
    """What a command asks for."""
    asked = []

    def reconstruct_file(path, output, choices, **more):
        asked.append((choices, more["reading"]))
        raise ValueError("Enough.")

    monkeypatch.setattr("recon.batch.reconstruct.reconstruct_file", reconstruct_file)
    path = weak_camera_file(tmp_path)
    assert main(["reconstruct", str(path), "-o", str(tmp_path / "out.h5"), *options]) == 2
    return asked[0]


@pytest.mark.parametrize(
    "more",
    [{}, {"rotation_deg": 30.0}, {"centre": (9.0, 8.0), "radius": 5.0, "aberrations": {"C10": 60}}],
    ids=["little is known", "the rotation", "the disc and aberrations"],
)
def test_page_command_line_and_python_have_the_same_defaults(more, monkeypatch, tmp_path):
    by_command, reading = typed(monkeypatch, tmp_path)
    by_python = Choices()
    assert by_command == by_python == DEFAULTS
    metadata = MADE | more
    experiment, by_page = of_the_page(metadata)
    # As a file's options are read: what nobody has said is not told.
    said = {name: value for name, value in reading.items() if value is not None}
    assert {n: v for n, v in by_page.reading.options().items() if v is not None} == said == {}
    sources = Sources(metadata)
    assert by_page.geometry == given_geometry(sources, by_python)
    assert by_page.aberrations == given_aberrations(sources, by_python) == Aberrations()
    assert by_page.treatment == by_python.treatment()
    assert by_page.region == by_python.region
    assert by_page.bright_field_pixels == by_python.pixels_across
    assert (by_page.sideband, by_page.band_limit) == (by_python.sideband, by_python.band_limit)
    assert by_page.annulus == by_python.annulus
    assert by_page.dpc == by_python.integration()
    asked = by_python.contrasts
    assert (by_page.noise.wiener, by_page.noise.upsample) == (asked.wiener, asked.upsample)
    # What is saved from the page is always exact: `app.pipeline.export`.
    assert by_python.mode == "exact"
    assert experiment.fit.orders == by_python.orders
    assert (experiment.fit.on_opening, by_python.fit) == (False, False)


def test_the_direct_integration_has_its_own_regularisation_everywhere():
    experiment = Experiment()
    experiment.dpc.method = "direct"
    react(experiment, [SimpleNamespace(obj=experiment.dpc, name="method", old="iterative")])
    assert experiment.request().dpc == Choices(dpc={"method": "direct"}).integration()
    assert Choices(dpc={"method": "direct", "highpass": 0.5}).integration().highpass == 0.5


def test_help_says_what_is_done_where_an_option_is_left_out():
    """In words, as the numbers are `recon.batch.choices`'s and importing those takes a second."""
    (command,) = [each for name, each in get_command(app).commands.items() if name == "reconstruct"]
    told = {
        option.name: match[1]
        for option in command.params
        if (match := re.search(r"(\S+) if left out\.", option.help or ""))
    }
    dpc = {f"dpc_{name}": value for name, value in asdict(DEFAULTS.integration()).items()}
    known = dpc | {"bright_field_pixels": DEFAULTS.pixels_across} | asdict(DEFAULTS)
    del told["disc_centre"], told["disc_radius"]  # fitted
    assert told == {name: as_told(known[name]) for name in told}
    assert len(told) == 11


def as_told(value):
    return value if isinstance(value, str) else f"{value:g}"
