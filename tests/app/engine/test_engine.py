"""The stages on real events: what is shared, what is redone, and what comes out."""

from io import BytesIO
from threading import Thread
from zipfile import ZipFile

import h5py
import numpy as np
import pytest
import tifffile

import recon.io
from app.engine.catalogue import Catalogue
from app.engine.engine import Engine
from app.pipeline.lanes import ComputeService
from app.state.experiment import Experiment
from app.state.link import from_query, to_query
from app.state.request import Annulus, Dpc, Geometry, Reading, Region
from recon.batch.geometry import DISC
from recon.io import write_events
from recon.optics import Aberrations
from recon.scan.events import from_frames
from recon.simulate.scan import truth
from tests.support.scans import (
    ABERRATIONS,
    CALIBRATION,
    FRAME_SHAPE,
    SCAN_SHAPE,
    weak_events,
    weak_phase,
)
from tests.support.sessions import Session
from tests.support.waiting import PATIENCE_S

GEOMETRY = Geometry(
    energy=CALIBRATION.energy,
    semiangle_cutoff=CALIBRATION.semiangle_cutoff,
    scan_sampling=CALIBRATION.scan_sampling,
    rotation_deg=CALIBRATION.rotation_deg,
)
READING = Reading("scan.npz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_events(folder / "scan.npz", weak_events(metadata=truth(CALIBRATION, ABERRATIONS)))
    bare = from_frames([[5, 6, 9], [], [2], [1, 1]], (2, 2), (3, 4))
    write_events(folder / "bare.npz", bare)
    return folder


@pytest.fixture
def engine(folder):
    engine = Engine(Catalogue(folder))
    yield engine
    engine.close()


@pytest.fixture
def scan(engine):
    return engine.scan(READING, Region())


def waves(phase):
    """Complex gain of the three waves of `weak_phase`."""
    rows, columns = (3, -1, 5), (2, 4, 0)
    return (np.fft.fft2(phase) / np.fft.fft2(weak_phase()))[rows, columns]


def test_a_scan_is_in_memory_once(engine, monkeypatch):
    reads, original = [], recon.io.open_events

    def count(*args, **kwargs):
        reads.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(recon.io, "open_events", count)
    found = []
    threads = [Thread(target=lambda: found.append(engine.events(READING))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(reads) == 1
    assert all(events is found[0] for events in found)
    assert engine.scan(READING, Region()).events is found[0]


def test_each_result_is_remembered_by_what_it_depends_on(engine, scan):
    found = engine.find(scan, GEOMETRY)
    again = engine.scan(READING, Region())
    assert engine.pacbed(again) is engine.pacbed(scan)
    assert engine.com(again) is engine.com(scan)
    g = engine.sidebands(scan, found.calibration, 10)
    assert engine.sidebands(again, engine.find(again, GEOMETRY).calibration, 10) is g
    assert engine.sidebands(scan, found.calibration, 12) is not g
    assert engine.sidebands(scan, found.calibration, 10, full=True) is not g
    images = engine.virtual(scan, found, Annulus(0.5, 1.0))
    other = engine.virtual(scan, found, Annulus(0.6, 1.0))
    assert images["bf"] is other["bf"]
    assert images["annulus"] is not other["annulus"]


def test_dpc_depends_only_on_what_its_method_reads(engine, scan):
    calibration = engine.find(scan, GEOMETRY).calibration
    direct = engine.dpc(scan, calibration, Dpc("direct", 1e-3, 0.1, iterations=5))
    assert engine.dpc(scan, calibration, Dpc("direct", 1e-3, 0.1, iterations=9)) is direct
    iterative = engine.dpc(scan, calibration, Dpc("iterative", 1e-3, 0.1, iterations=5))
    assert iterative is not direct
    assert engine.dpc(scan, calibration, Dpc("iterative", 1e-3, 0.1, iterations=6)) is not iterative


def test_the_disc_is_fitted_and_the_object_comes_back(engine, scan):
    found = engine.find(scan, GEOMETRY)
    assert found.fitted
    assert found.centre == pytest.approx(CALIBRATION.centre, abs=0.2)
    assert found.radius == pytest.approx(CALIBRATION.radius, abs=0.4)
    g = engine.sidebands(scan, found.calibration, 18)
    assert waves(engine.phase(g, ABERRATIONS, "exact", "both")) == pytest.approx(1, abs=0.15)
    assert waves(engine.phase(g, Aberrations(), "exact", "both")) != pytest.approx(1, abs=0.15)


def test_a_file_that_changed_is_read_again(engine, folder):
    path = folder / "changing.npz"
    write_events(path, from_frames([[1], [2]], (1, 2), (2, 2)))
    before = engine.events(Reading("changing.npz"))
    write_events(path, from_frames([[1], [2, 3]], (1, 2), (2, 2)))
    assert engine.events(Reading("changing.npz")).electrons == before.electrons + 1


def test_a_region_cuts_scan_and_detector(engine, scan):
    region = Region(scan=(1, 2, 3, 4), detector=(2, 1, 0, 3), scan_bin=2)
    cut = engine.scan(READING, region)
    height, width = SCAN_SHAPE
    assert cut.events.scan_shape == ((height - 3) // 2, (width - 7) // 2)
    assert cut.events.frame_shape == (FRAME_SHAPE[0] - 3, FRAME_SHAPE[1] - 3)
    assert cut.whole is scan.events
    assert engine.scan(READING, region).events is cut.events
    calibration = engine.find(cut, GEOMETRY).calibration
    assert calibration.scan_sampling == tuple(2 * s for s in CALIBRATION.scan_sampling)


def test_a_centre_by_hand_is_on_the_whole_detector(engine):
    cut = engine.scan(READING, Region(detector=(2, 0, 1, 0)))
    geometry = Geometry(80e3, 25.0, (0.4, 0.45), fit_disc=False, centre=(14.5, 12.5), radius=9.0)
    found = engine.find(cut, geometry)
    assert (found.centre, found.radius, found.fitted) == ((12.5, 11.5), 9.0, False)
    assert found.calibration.centre == (12.5, 11.5)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (Region(scan=(10, 10, 0, 0)), r"nothing of 20 × 24 scan positions: 10 \+ 10 rows"),
        (Region(detector=(0, 0, 26, 0)), "nothing of 28 × 26 detector pixels"),
        (Region(scan_bin=21), "cannot be binned by 21: choose at most 20"),
    ],
)
def test_a_region_of_nothing_is_refused_in_one_sentence(engine, region, message):
    with pytest.raises(ValueError, match=message):
        engine.scan(READING, region)


def test_without_a_disc_it_is_said_and_the_sums_are_there(engine):
    bare = engine.scan(Reading("bare.npz"), Region())
    found = engine.find(bare, GEOMETRY)
    assert found.centre is None
    assert found.disc_statement
    assert "centre and radius of the bright-field disc" in found.missing
    images = engine.virtual(bare, found, Annulus())
    np.testing.assert_array_equal(images["sum"], [[3, 0], [1, 2]])


def test_orientation_is_estimated_only_when_asked(engine, scan):
    given = engine.find(scan, GEOMETRY)
    assert (given.rotation_deg, given.orientation_statement) == (-12.0, "")
    turned = Geometry(80e3, 25.0, (0.4, 0.45), auto_orientation=True)
    found = engine.find(scan, turned)
    assert found.orientation_statement
    assert found.calibration.rotation_deg == found.rotation_deg


# ---- a whole session ----


@pytest.fixture(scope="module")
def service():
    service = ComputeService()
    yield service
    service.close()


@pytest.fixture
def session(engine, service):
    session = Session(engine, service, Experiment("scan.npz")).start()
    session.until(lambda: (session.all("phase") and session.all("dpc")) or session.all("error"))
    assert session.all("error") == []
    yield session
    session.pipeline.close()


def value(result):
    return getattr(result.owner, result.name)


def test_moving_the_defocus_leaves_everything_but_the_phase_alone(session):
    results = session.pipeline.results
    shown = {name: value(results[name]) for name in ("com", "dpc", "virtual", "pacbed")}
    prepared, before = session.pipeline.preparing.prepared, session.pipeline.drawing.phase.array
    session.experiment.aberrations.defocus = 5
    session.until(
        lambda: len(session.all("phase")) >= 3 and session.all("phase")[-1].mode == "exact"
    )
    assert session.pipeline.preparing.prepared is prepared
    for name, before_it in shown.items():
        assert value(results[name]) is before_it
    assert not np.array_equal(session.pipeline.drawing.phase.array, before)


def test_a_simulation_opens_calibrated_but_out_of_focus(session):
    scan = session.experiment.scan
    assert (scan.energy_kev, scan.rotation_deg, scan.transpose) == (80, -12, False)
    assert session.experiment.aberrations.value() == Aberrations()
    assert session.all("scan")[-1].metadata["aberrations"]["C10"] == ABERRATIONS.C10
    assert session.all("pacbed")[-1].fitted
    assert session.all("com")[-1].unit == "mrad"


def test_two_sessions_share_events_and_g(session, engine, service):
    other = Session(engine, service, Experiment("scan.npz")).start()
    other.until(lambda: other.all("phase"))
    mine, theirs = session.pipeline.preparing.prepared, other.pipeline.preparing.prepared
    assert mine.scan.events is theirs.scan.events
    assert mine.sidebands is theirs.sidebands
    other.experiment.aberrations.defocus = 4
    other.until(lambda: len(other.all("phase")) >= 3)
    session.turn()
    assert session.experiment.aberrations.defocus == 0
    other.pipeline.close()


def test_a_link_opened_elsewhere_shows_the_same_picture(session, engine, service):
    session.experiment.aberrations.param.update(defocus=-6, C12a=2.5)
    session.until(
        lambda: len(session.all("phase")) >= 3 and session.all("phase")[-1].mode == "exact"
    )
    other = Session(engine, service, Experiment("scan.npz"))
    assert from_query(other.experiment, to_query(session.experiment)) == []
    other.start().until(lambda: other.all("phase"))
    np.testing.assert_array_equal(other.all("phase")[-1].array, session.all("phase")[-1].array)
    assert to_query(other.experiment) == to_query(session.experiment)
    other.pipeline.close()


def test_all_results_are_saved_with_every_parameter(session):
    session.experiment.aberrations.set_from(ABERRATIONS)
    saved = session.pipeline.to_save("hdf5")()
    assert saved.filename == "scan_results.h5"
    with h5py.File(BytesIO(saved.data)) as file:
        shapes = {}
        file.visititems(lambda name, o: shapes.update({name: getattr(o, "shape", None)}))
        parameters = file.attrs["parameters"]
        phase = file["ssb/phase"][:]
    for name in ("ssb/phase", "ssb/object", "dpc/phase", "virtual/bf", "virtual/abf"):
        assert shapes[name] == SCAN_SHAPE
    assert shapes["virtual/adf"] == SCAN_SHAPE
    assert shapes["com"] == (2, *SCAN_SHAPE)
    assert shapes["pacbed"] == FRAME_SHAPE
    assert waves(phase) == pytest.approx(1, abs=0.15)
    assert '"C10": 60.0' in parameters
    assert '"rotation_deg": "file"' in parameters


def test_the_tiff_is_calibrated_and_in_radians(session):
    saved = session.pipeline.to_save("tiff")()
    with tifffile.TiffFile(BytesIO(saved.data)) as file:
        image, page = file.asarray(), file.pages[0]
        assert file.imagej_metadata["unit"] == "nm"
        across = page.tags["XResolution"].value
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, session.pipeline.drawing.phase.array)
    assert across[0] / across[1] == pytest.approx(1 / 0.045)


def test_a_copy_is_kept_where_the_server_wants_one(session, tmp_path, caplog):
    session.engine.results = tmp_path / "results"
    saved = session.pipeline.to_save("tiff")()
    (copy,) = session.engine.results.iterdir()
    assert copy.read_bytes() == saved.data
    session.engine.results = copy
    again = session.pipeline.to_save("tiff")()
    assert again.filename == saved.filename
    assert again.warning.startswith("No copy was kept in the server's folder of results: ")
    assert "No copy was kept" in caplog.text


@pytest.mark.parametrize("kind", ["ptyrad", "quantem", "py4dstem", "abtem"])
def test_a_program_that_goes_on_gets_an_archive(session, kind):
    session.experiment.aberrations.set_from(ABERRATIONS)
    saved = session.pipeline.to_save(kind)()
    assert saved.filename == f"scan_for_{kind}.zip"
    with ZipFile(BytesIO(saved.data)) as archive:
        told = archive.read(f"for_{kind}/README.txt").decode()
        names = archive.namelist()
    assert "defocus -6 nm" in told
    assert len(names) == (3 if kind == "ptyrad" else 4)


def test_files_remember_the_session(session):
    line = "livestem-session:?dataset=scan.npz&defocus=-6\n"
    saved = session.pipeline.to_save("hdf5", line)()
    with h5py.File(BytesIO(saved.data)) as file:
        assert file.attrs["session"] == line.encode()
    with tifffile.TiffFile(BytesIO(session.pipeline.to_save("tiff", line)().data)) as file:
        assert line in file.imagej_metadata["Info"] + "\n"


def test_an_unknown_kind_of_file_is_refused(session):
    with pytest.raises(ValueError, match="or abtem, not as gif"):
        session.pipeline.to_save("gif")()


def test_nothing_can_be_saved_before_there_is_a_phase(engine, service):
    fresh = Session(engine, service, Experiment("scan.npz"))
    with pytest.raises(ValueError, match="nothing to save"):
        fresh.pipeline.to_save("tiff")()


def test_a_scan_without_a_disc_says_what_to_do(engine, service):
    bare = Session(engine, service, Experiment("bare.npz")).start()
    bare.until(lambda: (bare.all("com") and bare.all("virtual")) or bare.all("error"))
    assert bare.all("error") == []
    # Every empty place of the page says it; a notice would say it once more.
    scan = bare.all("scan")[-1]
    assert DISC in scan.missing
    assert "disc" in scan.statements[0]
    assert bare.all("notice") == []
    assert bare.all("error") == bare.all("phase") == []
    bare.pipeline.close()


def test_a_file_that_is_none_is_one_sentence(engine, service, folder):
    (folder / "wrong.h5").write_bytes(b"not a scan")
    broken = Session(engine, service, Experiment("wrong.h5")).start()
    broken.until(lambda: broken.all("error"))
    assert "wrong.h5" in broken.all("error")[0]
    assert str(folder) not in broken.all("error")[0]
    broken.experiment.scan.dataset = "scan.npz"
    broken.until(lambda: broken.all("phase"))
    broken.pipeline.close()
