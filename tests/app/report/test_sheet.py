"""The report as a file: what the recipe made and nothing else, and no other address in it."""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlparse

import h5py
import numpy as np
import pytest

from app.cli import main
from app.report.sheet import report
from app.state.experiment import Experiment
from app.state.link import SESSION, from_query
from recon.batch.choices import Choices
from recon.batch.contrasts import Contrasts
from recon.batch.reconstruct import reconstruct
from tests.support.reconstructed import BEAM, ORIENTATION, PROBE
from tests.support.scans import CALIBRATION, SCAN_SHAPE, weak_events, write_4dcamera

pytestmark = pytest.mark.usefixtures("few_frequencies")


class Tags(HTMLParser):
    """Tags that stay open, and what the others fetch or link to."""

    ALONE = ("meta", "img", "circle", "rect", "br", "!doctype")

    def __init__(self, text):
        super().__init__()
        self.open, self.fetched, self.links, self.names = [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.names |= {tag, *(name for name, _ in attributes)}
        said = dict(attributes)
        if tag == "a":
            self.links.append(said["href"])
        else:
            self.fetched += [v for n, v in attributes if n in ("src", "href", "srcset", "data")]
        if tag not in self.ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.names.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report of the command line, and its results."""
    folder = tmp_path_factory.mktemp("report")
    scan = write_4dcamera(folder / "a & b.h5", list(weak_events(3000).frames()), SCAN_SHAPE)
    output, sheet = folder / "out.h5", folder / "out.html"
    command = ["reconstruct", str(scan), "-o", str(output), "--report", str(sheet)]
    more = ["--bright-field-pixels", "10", "--sideband", "left", "--thickness-nm", "3"]
    assert main([*command, *BEAM, *ORIENTATION, *PROBE, *more]) == 0
    return output, sheet.read_text(encoding="utf-8")


def test_it_is_one_file_without_a_script(made):
    _, text = made
    tags = Tags(text)
    assert tags.open == []
    assert not tags.names & {"script", "link", "iframe", "object", "base"}
    assert tags.fetched
    assert all(address.startswith("data:image/png;base64,") for address in tags.fetched)
    assert not re.search(r"@import|url\(", text)
    assert not [name for name in tags.names if name.startswith("on")]
    # The only address is that of the session.
    assert len(tags.links) == 1
    assert set(re.findall(r"https?://[^/\"<]+", text)) == {"http://localhost:5006"}


def test_every_image_of_the_file_is_in_it_and_the_proof_is_in_the_file(made):
    output, text = made
    titles = re.findall(r"<figcaption><b>(.+?)</b>", text)
    assert titles[0] == "SSB phase"
    named = {"Amplitude", "DPC phase", "Centre of mass", "PACBED", "Power spectrum"}
    assert named | {"Bright field", "Annular bright field", "Annular dark field"} <= set(titles)
    with h5py.File(output) as file:
        tiles = file["ssb/tiles"]
        numbered = [str(number + 1) for number in range(len(tiles))]
        assert [title for title in titles if title.isdigit()] == numbered != []
        assert file["ssb/tile_frequencies"].shape == (len(tiles), 2)
        assert file["ssb/spectrum"].shape == SCAN_SHAPE
        assert np.iscomplexobj(tiles)


def test_numbers_settings_and_words_are_those_of_the_parameters(made):
    _, text = made
    plain = re.sub(r"<[^>]+>", " ", text)
    for words in ("a &amp; b.h5", "−60", "Å", "left", "80", "keV", "25", "mrad", "Thickness"):
        assert words in plain, words
    assert "a & b" not in text


def test_its_link_and_itself_open_the_session(made):
    _, text = made
    (link,) = Tags(text).links
    query = {name: values[0] for name, values in parse_qs(urlparse(link).query).items()}
    assert query["dataset"] == "a & b.h5"
    experiment = Experiment()
    assert from_query(experiment, query) == []
    request = experiment.request()
    assert request.geometry.energy == 80e3
    assert request.geometry.scan_sampling == CALIBRATION.scan_sampling
    assert request.geometry.rotation_deg == -12
    assert (request.aberrations.C10, request.aberrations.C12a) == (60, 25)
    assert (request.specimen.thickness, request.sideband) == (30, "left")
    assert request.bright_field_pixels == 10
    # As assets/saver.js looks for it.
    (mark,) = re.findall(rf"{SESSION}(\?[\x21-\x7e]*)\n", text)
    assert mark == f"?{urlparse(link).query}"


def test_proof_costs_nothing_that_was_not_asked_for():
    events = weak_events(3000)
    known = {"energy": 80e3, "semiangle_cutoff": 25.0, "scan_sampling": CALIBRATION.scan_sampling}
    known |= {"rotation_deg": -12.0, "transpose": False, "pixels_across": 10, "device": "cpu"}
    plain, said = reconstruct(events, Choices(**known))
    proven, _ = reconstruct(events, Choices(**known, contrasts=Contrasts(proof=True)))
    added = {"ssb/spectrum", "ssb/tiles", "ssb/tile_frequencies"}
    assert proven.keys() - plain.keys() == added
    for name, result in plain.items():
        np.testing.assert_array_equal(proven[name].values, result.values)
    # Without tiles the report says nothing of them; without an address it has no link.
    text = report(plain, said)
    assert "Are the aberrations right" not in text
    assert Tags(text).links == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sheet.txt", "give it a name in .html"),
        ("nowhere/sheet.html", "There is no folder"),
        ("folder.html", "is a folder"),
    ],
)
def test_a_bad_place_is_told_in_a_sentence_before_any_work(tmp_path, capsys, name, why):
    scan = write_4dcamera(tmp_path / "s.h5", list(weak_events(3000).frames()), SCAN_SHAPE)
    (tmp_path / "folder.html").mkdir()
    before = sorted(tmp_path.rglob("*"))
    place = ["-o", str(tmp_path / "out.h5"), "--report", str(tmp_path / name)]
    assert main(["reconstruct", str(scan), *place, *BEAM]) != 0
    told = capsys.readouterr().err
    assert why in told
    assert "Traceback" not in told
    assert sorted(tmp_path.rglob("*")) == before
