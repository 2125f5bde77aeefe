"""The report as PDF: set from the same text, with all of its images and nothing from elsewhere."""

import re
import sys
import zlib

import pytest

from app.cli import main
from app.report import pdf
from tests.support.reconstructed import BEAM, ORIENTATION, PROBE
from tests.support.scans import SCAN_SHAPE, weak_events, write_4dcamera

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/"
    "pLvAAAAAElFTkSuQmCC"
)


@pytest.fixture
def library():
    try:
        pdf.required()
    except ValueError as missing:
        pytest.skip(str(missing))


def objects(content):
    """Dictionaries of a PDF's objects, those in streams of objects too."""
    packed = re.findall(rb"/ObjStm.*?stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    return b"\n".join([content, *(zlib.decompress(each) for each in packed)])


def test_a_page_is_set_with_its_pictures(library):
    made = objects(pdf.as_pdf(f'<h1>Scan</h1><img src="{PIXEL}">'))
    assert made.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", made)) == 1
    assert len(re.findall(rb"/Subtype /Image\b", made)) == 1


@pytest.mark.parametrize("address", ["file:///etc/hostname", "http://127.0.0.1:9/a.png"])
def test_nothing_is_fetched_from_elsewhere(library, address):
    made = objects(pdf.as_pdf(f'<h1>Scan</h1><img src="{address}">'))
    assert not re.search(rb"/Subtype /Image\b", made)


@pytest.mark.usefixtures("few_frequencies")
def test_the_command_writes_it(library, tmp_path):
    scan = write_4dcamera(tmp_path / "s.h5", list(weak_events(3000).frames()), SCAN_SHAPE)
    place = ["-o", str(tmp_path / "out.h5"), "--report", str(tmp_path / "sheet.PDF")]
    more = ["--bright-field-pixels", "10", *BEAM, *ORIENTATION, *PROBE]
    assert main(["reconstruct", str(scan), *place, *more]) == 0
    made = objects((tmp_path / "sheet.PDF").read_bytes())
    assert len(re.findall(rb"/Type /Page\b", made)) >= 2
    # Phase, amplitude, DPC, centre of mass, detectors, PACBED, spectrum and tiles.
    assert len(re.findall(rb"/Subtype /Image\b", made)) >= 8
    assert b"localhost:5006/app?" in made


def test_what_is_missing_is_said_before_any_work(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    scan = write_4dcamera(tmp_path / "s.h5", list(weak_events(3000).frames()), SCAN_SHAPE)
    place = ["-o", str(tmp_path / "out.h5"), "--report", str(tmp_path / "sheet.pdf")]
    assert main(["reconstruct", str(scan), *place, *BEAM]) != 0
    told = capsys.readouterr().err
    assert "pip install 'livestem[pdf]'" in told
    assert "Traceback" not in told
    assert [each.name for each in tmp_path.iterdir()] == ["s.h5"]
