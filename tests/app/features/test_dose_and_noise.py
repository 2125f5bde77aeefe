"""Dose, noise and the other contrasts in a session: labelled, made where shown, never in a file."""

import json
from dataclasses import replace
from io import BytesIO

import h5py
import numpy as np
import pytest
import tifffile

from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.pipeline.dose_drafts import LEAST, coarse
from app.pipeline.lanes import ComputeService
from app.state.contrasts import CONTRASTS
from app.state.experiment import Experiment
from app.state.link import from_query, to_query
from app.state.request import Reading, Request
from app.views.contrasts import scan_image
from recon.io import write_events
from recon.optics import Aberrations
from recon.quality.halves import SplitHalf
from recon.quality.ring_correlation import ring_correlation
from recon.simulate.scan import truth
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import single_sideband
from recon.treatment.dose import thin_events
from tests.support.fake_gpu import fake_gpu
from tests.support.scans import ABERRATIONS, CALIBRATION, SCAN_SHAPE, weak_events
from tests.support.sessions import Session

EVENTS = weak_events(metadata=truth(CALIBRATION, ABERRATIONS))
SHARE, DRAW = 0.25, 7


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_events(folder / "scan.npz", EVENTS)
    engine = Engine(Catalogue(folder))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def service():
    service = ComputeService()
    yield service
    service.close()


def opened(engine, service, query=None, **options):
    session = Session(engine, service, Experiment("scan.npz"), **options)
    session.experiment.aberrations.set_from(ABERRATIONS)
    if query is not None:
        assert from_query(session.experiment, query) == []
    session.start().until(lambda: session.all("phase") and session.all("dpc"))
    return session


@pytest.fixture
def session(engine, service):
    session = opened(engine, service)
    yield session
    session.pipeline.close()


def exact(session, change):
    """The exact phase that follows a change."""
    before = len(session.all("phase"))
    change()
    session.until(lambda: [p for p in session.all("phase")[before:] if p.mode == "exact"])
    return session.all("phase")[-1]


def in_the_file(session):
    """Everything but the parameters that a file of results holds, bit for bit."""
    with h5py.File(BytesIO(session.pipeline.to_save("hdf5")().data)) as file:
        found = {}

        def keep(name, entry):
            if isinstance(entry, h5py.Dataset):
                found[name] = entry[()].tobytes()

        file.visititems(keep)
        assert {"ssb/phase", "ssb/object", "dpc/phase", "com"} < set(found)
        return found, json.loads(file.attrs["parameters"])


def power_beyond(image, sampling, limit):
    """Share of an image's power, DC left out, at frequencies [1/Å] beyond a limit."""
    power = np.abs(np.fft.fft2(image - image.mean(dtype=float))) ** 2
    q = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, image.shape, sampling), indexing="ij"))
    return power[q > limit].sum() / power.sum()


# ---- dose ----


def test_a_lower_dose_shows_what_its_electrons_show_and_goes_back(session):
    full = session.all("phase")[-1].array
    treatment = session.experiment.treatment
    lower = exact(session, lambda: treatment.param.update(dose_percent=100 * SHARE, dose_draw=DRAW))
    calibration = session.pipeline.preparing.prepared.found.calibration
    g = build_sidebands(thin_events(EVENTS, SHARE, DRAW), calibration, 18)
    np.testing.assert_array_equal(
        lower.array, single_sideband(g, ABERRATIONS, "exact", "both", 0.9)
    )
    summary = session.all("scan")[-1]
    assert summary.electrons == g.electrons
    assert "(25 % of the dose)" in summary.line
    assert summary.dose == pytest.approx(g.electrons / (np.prod(SCAN_SHAPE) * 0.4 * 0.45))
    seen = len(session.all("phase"))
    back = exact(session, lambda: treatment.param.update(dose_percent=100))
    assert back.array.tobytes() == full.tobytes()
    # That G is still there: nothing has to be drafted.
    assert {phase.mode for phase in session.all("phase")[seen:]} == {"exact"}


def test_the_dose_is_drafted_at_once_and_followed_by_the_exact_phase(engine, service, monkeypatch):
    session, forgotten = opened(engine, service, settle=0.5), []
    monkeypatch.setattr(engine.store, "let_go", forgotten.append)
    seen, treatment = len(session.all("phase")), session.experiment.treatment
    for percent in (80, 65, 50):
        treatment.dose_percent = percent
        session.until(lambda: len(session.all("phase")) > seen)
    last = exact(session, lambda: None)
    *drafts, shown = session.all("phase")[seen:]
    assert shown is last
    assert drafts
    assert {draft.mode for draft in drafts} == {"draft"}
    # Of the same electrons on a coarser detector.
    assert drafts[-1].array.shape == last.array.shape
    assert np.corrcoef(drafts[-1].array.ravel(), last.array.ravel())[0, 1] > 0.85
    # What was passed by is not kept; what is shown is.
    scans = {key[-1].dose_share for key in forgotten if key[0] == "region"}
    assert 0.8 in scans
    assert not scans & {0.5, 1.0}
    session.pipeline.close()


def test_what_another_session_holds_is_not_forgotten(engine, service):
    other = opened(engine, service, {"dose": "45", "pixels": "10"})
    held = other.pipeline.preparing.prepared.scan
    session = opened(engine, service, settle=5.0)  # drafts only
    for percent in (45, 35):
        seen = len(session.all("phase"))
        session.experiment.treatment.dose_percent = percent
        session.until(lambda seen=seen: len(session.all("phase")) > seen)
    request = other.experiment.request()
    again = engine.scan(request.reading, request.region, held.treatment)
    assert again.key == held.key
    assert again.events is held.events
    for each in (session, other):
        each.pipeline.close()


def test_a_dose_is_reproduced_by_its_link_and_stated_in_its_files(session, engine, service):
    treatment = session.experiment.treatment
    shown = exact(session, lambda: treatment.param.update(dose_percent=12.5, dose_draw=3))
    query = to_query(session.experiment)
    assert (query["dose"], query["draw"]) == ("12.5", "3")
    other = opened(engine, service, query)
    assert other.all("phase")[-1].array.tobytes() == shown.array.tobytes()
    other.pipeline.close()
    _, parameters = in_the_file(session)
    assert parameters["treatment"]["dose_share"] == 0.125
    assert parameters["treatment"]["draw"] == 3
    assert parameters["electrons"] == session.all("scan")[-1].electrons < 0.13 * EVENTS.electrons
    with tifffile.TiffFile(BytesIO(session.pipeline.to_save("tiff")().data)) as file:
        assert "12.5 % of its electrons (draw 3)" in str(file.imagej_metadata)


def test_a_draft_is_as_coarse_as_the_aberrations_allow():
    request = Request(Reading("a"), bright_field_pixels=18)
    assert coarse(request, CALIBRATION) == LEAST
    strong = Request(Reading("a"), bright_field_pixels=18, aberrations=Aberrations(C10=5000))
    assert coarse(strong, CALIBRATION) == 18


# ---- weights and denoising ----


def test_a_weighted_phase_says_so_and_no_file_holds_it(session):
    plain = session.all("phase")[-1]
    assert (plain.label, plain.unit) == ("exact", "rad")
    before, parameters = in_the_file(session)
    session.experiment.display.slot_left = "denoised"
    weighted = exact(session, lambda: setattr(session.experiment.noise, "wiener", True))
    session.experiment.noise.denoise_strength = 2
    session.until(lambda: [image for image in session.all("denoised") if "2 σ" in image.label])
    assert (weighted.label, weighted.unit) == ("Wiener · exact", "rad, Wiener")
    assert "rad² Å²" in weighted.prior
    assert weighted.array.std() < plain.array.std()
    draft = next(p for p in session.all("phase") if p.weighting and p.mode == "draft")
    assert draft.label == "Wiener · draft"
    denoised = session.all("denoised")[-1]
    assert denoised.unit == "rad, denoised"
    assert denoised.label == "total variation · 2 σ"
    assert in_the_file(session) == (before, parameters)
    image = tifffile.imread(BytesIO(session.pipeline.to_save("tiff")().data))
    assert image.tobytes() == plain.array.tobytes()
    again = exact(session, lambda: setattr(session.experiment.noise, "wiener", False))
    assert again.array.tobytes() == plain.array.tobytes()


def test_weights_that_are_not_possible_are_said_not_to_be_there(session, monkeypatch):
    def refuse(g, aberrations):
        raise ValueError("This scan shows no power.")

    monkeypatch.setattr(session.engine, "prior", refuse)
    plain = session.all("phase")[-1]
    shown = exact(session, lambda: setattr(session.experiment.noise, "wiener", True))
    assert (shown.label, shown.unit) == ("not weighted · exact", "rad")
    assert shown.prior == "This scan shows no power."
    assert shown.array.tobytes() == plain.array.tobytes()


# ---- what is made where it is shown ----


def test_extras_are_made_only_while_a_slot_shows_them(session):
    display = session.experiment.display
    exact(session, lambda: setattr(session.experiment.aberrations, "defocus", -4))
    shared = session.pipeline.session
    session.until(lambda: not shared.service.pending(shared.key, "extra"))
    topics = {topic for topic, _ in session.seen}
    assert not topics & {"frc", "parallax", "denoised", "obf"}
    display.slot_right = "frc"
    session.until(lambda: session.all("frc"))
    assert session.all("frc")[-1] is not None
    assert not {topic for topic, _ in session.seen} & {"parallax", "denoised", "obf"}


def test_the_ring_correlation_gives_the_resolution_within_the_band(session):
    session.experiment.display.slot_right = "frc"
    session.until(lambda: session.all("frc"))
    chart = session.all("frc")[-1]
    assert list(chart.lines) == ["correlation", "1/7", "half bit"]
    assert set(chart.guides) == {"1/7", "half bit"}
    limit = 10 * 2 * 0.9 * session.pipeline.preparing.prepared.found.calibration.k0
    assert 0.8 * limit < chart.x[-1] <= limit
    assert chart.statement.startswith("resolution ")
    # The halves agree in the last ring of the band still.
    assert chart.lines["correlation"][-1] > 1 / 7
    assert "(band limit)" in chart.statement
    # The waves of the specimen are strong: their rings correlate, and the marks lie beyond them.
    q = 10 * np.hypot(3 / (20 * 0.4), 2 / (24 * 0.45))
    assert chart.lines["correlation"][np.abs(chart.x - q).argmin()] > 0.9
    assert chart.marks[0][0] > q


def test_halves_of_noise_have_no_resolution_in_the_page(session, monkeypatch):
    phases = np.random.default_rng(8).normal(size=(2, 20, 24)).astype(np.float32)
    noise = SplitHalf(ring_correlation(*phases, (0.4, 0.45), 0.2), phases)
    lucky = noise.curve.correlation.copy()
    lucky[0] = 0.3
    noise = replace(noise, curve=replace(noise.curve, correlation=lucky))
    assert noise.curve.correlation.max() > 1 / 7
    monkeypatch.setattr("recon.quality.halves.split_half", lambda *arguments, **options: noise)
    session.experiment.display.slot_right = "frc"
    session.until(lambda: session.all("frc"))
    assert session.all("frc")[-1].statement == "no resolution"
    assert session.all("frc")[-1].marks == ()


def test_the_tilt_corrected_image_is_finer_over_the_same_field(session):
    session.experiment.noise.upsampling = 2
    session.experiment.display.slot_left = "parallax"
    session.until(lambda: session.all("parallax"))
    made, phase = session.all("parallax")[-1], session.all("phase")[-1]
    assert made.array.shape == (2 * SCAN_SHAPE[0], 2 * SCAN_SHAPE[1])
    assert made.scan_sampling == pytest.approx((0.2, 0.225))
    image = scan_image(CONTRASTS["parallax"], made)
    own = scan_image(CONTRASTS["phase"], phase)
    assert (image.axis_unit, image.unit) == ("nm", "")
    for name in ("x0", "x1", "y0", "y1"):
        assert getattr(image.extent, name) == pytest.approx(getattr(own.extent, name))
    assert made.label == "2 × finer"
    assert made.array.mean() == pytest.approx(1, abs=1e-4)


def test_optimum_bright_field_follows_the_hand_where_it_is_shown(session):
    session.experiment.display.slot_left = "obf"
    session.until(lambda: session.all("obf"))
    seen = len(session.all("obf"))
    exact(session, lambda: setattr(session.experiment.aberrations, "defocus", -4))
    session.until(lambda: len(session.all("obf")) >= seen + 2)  # with the draft, and at rest
    image = session.all("obf")[-1]
    assert (image.unit, image.label) == ("σ", "in units of noise")


def test_nothing_is_shown_beyond_the_band_limit(session):
    session.experiment.detector.band_limit = 0.7
    session.experiment.display.param.update(slot_left="obf", slot_right="parallax")
    exact(session, lambda: setattr(session.experiment.noise, "wiener", True))
    session.until(lambda: session.all("obf") and session.all("parallax"))
    calibration = session.pipeline.preparing.prepared.found.calibration
    limit = 2 * 0.7 * calibration.k0
    shown = [session.all(topic)[-1] for topic in ("phase", "obf", "parallax")]
    draft = [p for p in session.all("phase") if p.mode == "draft"][-1]
    for each in (*shown, draft):
        assert power_beyond(each.array, each.scan_sampling, limit * 1.001) < 1e-9


def everything(engine, service):
    """What a session shows of all these, ring correlation last."""
    session = opened(engine, service)
    display = session.experiment.display
    display.param.update(slot_main="denoised", slot_left="parallax", slot_right="frc")
    session.until(lambda: all(session.all(t) for t in ("denoised", "parallax", "frc")))
    curve = session.all("frc")[0].lines["correlation"]
    at_rest = [session.all(topic)[0] for topic in ("parallax", "denoised")]
    display.slot_main = "obf"
    exact(session, lambda: setattr(session.experiment.noise, "wiener", True))
    exact(session, lambda: setattr(session.experiment.treatment, "dose_percent", 40))
    assert session.all("error") == []
    live = [session.all(topic)[-1] for topic in ("phase", "obf")]
    session.pipeline.close()
    return [*(each.array for each in (*live, *at_rest)), curve]


def test_all_of_it_is_the_same_on_a_device(engine, service, monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    other = Engine(engine.catalogue, device=device, strict=True)
    for here, there in zip(everything(engine, service), everything(other, service), strict=True):
        np.testing.assert_allclose(there, here, atol=2e-3 * np.abs(here).max())
    other.close()


# ---- what is said of it ----
