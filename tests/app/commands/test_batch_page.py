"""The page of `livestem batch`: whole in itself, links that open what was found, no mark-up in."""

import base64
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl

import h5py
import numpy as np
import pytest
from PIL import Image

from app.commands.batch_page import link_of, thumbnail, write_page
from app.state.experiment import Experiment
from app.state.link import from_query
from recon.batch.many import Done
from recon.optics import Aberrations
from tests.support.batched import PARAMETERS


@pytest.fixture
def done(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["ssb/phase"] = np.arange(12.0).reshape(3, 4)
    good = Done(tmp_path / "scans" / "day" / "a&b.h5", tmp_path / "a.h5", "done", PARAMETERS)
    bad = Done(tmp_path / "scans" / "<b>.h5", tmp_path / "b.h5", "failed", {}, "No <i>disc</i>.")
    return [good, bad]


def test_the_page_needs_nothing_else(done, tmp_path):
    write_page(tmp_path / "table.html", done, "http://lab:5006/app", tmp_path / "scans")
    text = (tmp_path / "table.html").read_text(encoding="utf-8")
    hosts = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert [link for link in hosts if not link.startswith(("data:", "http://lab", "a.h5"))] == []
    assert "<i>" not in text
    assert "&lt;b&gt;.h5" in text
    assert "12.00 ± 0.20" in text
    assert "2 scans, 1 failed" in text
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])
    assert Image.open(BytesIO(picture)).size == (4, 3)


def test_large_numbers_are_written_out(done, tmp_path):
    many = replace(done[0], parameters=PARAMETERS | {"electrons": 750_000})
    write_page(tmp_path / "table.html", [many], "", tmp_path)
    text = (tmp_path / "table.html").read_text(encoding="utf-8")
    # 750 000 electrons on 10 × 20 positions of 0.5 Å × 0.25 Å.
    assert '<td data-value="30000.0">30\u202f000</td>' in text


def test_a_link_opens_the_scan_as_it_was_found(done, tmp_path):
    query = link_of(done[0], tmp_path / "scans")
    experiment = Experiment()
    assert from_query(experiment, query) == []
    scan = experiment.scan
    assert scan.dataset == "day/a&b.h5"
    assert (scan.energy_kev, scan.semiangle_mrad) == (80.0, 25.0)
    assert (scan.scan_step_y, scan.scan_step_x) == (0.5, 0.25)
    assert (scan.rotation_deg, scan.transpose, scan.auto_orientation) == (-12.0, True, False)
    assert experiment.aberrations.value() == Aberrations(**PARAMETERS["aberrations"])


def test_without_an_address_of_a_page_there_are_no_links_to_it(done, tmp_path):
    write_page(tmp_path / "table.html", done, "", tmp_path)
    text = (tmp_path / "table.html").read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]+)"', text) == ["a.h5"]


def test_a_links_entries_survive_the_address(done, tmp_path):
    write_page(tmp_path / "table.html", done, "http://lab/app", tmp_path / "scans")
    text = (tmp_path / "table.html").read_text(encoding="utf-8")
    address = re.search(r'href="http://lab/app\?([^"]+)"', text)[1].replace("&amp;", "&")
    assert dict(parse_qsl(address)) == link_of(done[0], tmp_path / "scans")


def test_a_thumbnail_is_grey_small_and_keeps_its_shape():
    phase = np.add.outer(np.zeros(100), np.linspace(-1, 1, 400))
    phase[0, 0] = np.nan
    image = np.asarray(Image.open(BytesIO(thumbnail(phase))))
    assert image.shape == (48, 192)
    assert (np.diff(image[24].astype(int)) >= 0).all()
    assert image[24, 0] < 5
    assert image[24, -1] > 250


def test_a_flat_phase_has_a_thumbnail_too():
    assert Image.open(BytesIO(thumbnail(np.zeros((5, 5))))).size == (5, 5)


def test_the_scans_folder_may_be_named_as_one_likes(done, tmp_path):
    elsewhere = Done(Path("/elsewhere/a.h5"), done[0].results, "done", PARAMETERS)
    assert link_of(elsewhere, tmp_path)["dataset"] == "a.h5"
