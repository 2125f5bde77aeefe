"""What README and guide tell to type is taken by the program; what they say of formats is so."""

import re
import shlex
from importlib.util import find_spec

import pytest
from typer import Context
from typer.main import get_command

from app.cli import app
from recon import listing
from recon.io import READERS, WRITERS, dense
from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "assets/guide").glob("*.md"))]
FORMATS = (ROOT / "assets/guide/formats.md").read_text(encoding="utf-8")
PLACES = {"KIND:ADDRESS": "accos:tcp://host:8283", "ADDRESS": "http://host/app", "N": "2"}
"""What stands for a value in a sentence."""


def typed():
    """Commands in blocks, and those of sentences that name more than a command, by page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        for line in "".join(blocks).replace("\\\n", " ").splitlines():
            for part in re.split(r" && |; ", line):
                if part.strip():
                    yield page.name, part
        prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        for said in re.findall(r"`(livestem [a-z]+ [^`]+)`", prose):
            # Of the choices in `--as one|other` each.
            choices = re.search(r"\S+\|\S+", said)
            for choice in choices[0].split("|") if choices else [""]:
                line = said.replace(choices[0], choice) if choices else said
                yield page.name, " ".join(line.split())


TYPED = list(typed())


def words(line):
    """Of a command, without the folder of the environment and settings before it."""
    found = shlex.split(line, comments=True)
    while found and re.fullmatch(r"[A-Z_]+=\S*", found[0]):
        found = found[1:]
    return found and [found[0].removeprefix(".venv/bin/"), *found[1:]]


@pytest.mark.parametrize(("where", "line"), [each for each in TYPED if "livestem " in each[1]])
def test_every_command_is_taken_by_the_program(where, line, tmp_path, monkeypatch):
    program, *arguments = words(line)
    if program == "docker":
        return
    assert program == "livestem"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "microscope.toml").write_text("orders = 2\n")
    arguments = [PLACES.get(each, each) for each in arguments]
    group = get_command(app)
    with Context(group, info_name="livestem") as context:
        _, command, rest = group.resolve_command(context, arguments)
        if rest == ["--help"]:
            return
        # Reads options and their values as the program does, and stops before doing anything.
        with command.make_context(command.name, rest, parent=context) as read:
            assert read.command is command


def test_the_other_commands_name_what_there_is():
    named = 0
    for page, line in TYPED:
        program, *arguments = words(line.removeprefix("sudo ")) or [""]
        if program == "python" and arguments[:1] == ["-m"] and arguments[1] != "venv":
            assert find_spec(arguments[1]), (page, line)
            named += 1
        if program in ("pytest", ".ci/run", "sudo"):
            paths = [
                each for each in (program, *arguments) if re.fullmatch(r"[.\w]+/[\w./]+", each)
            ]
            for each in paths:
                assert (ROOT / each).exists() or each.startswith(".venv"), (page, line)
                named += 1
    assert named > 3


# ---- formats ----


def rows(heading):
    """(first cell, the others) of a table of the formats' page."""
    section = re.search(rf"^## {heading}$(.*?)(?:^## |\Z)", FORMATS, re.DOTALL | re.MULTILINE)[1]
    lines = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)[1:]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


EVENTS = {
    "4D Camera HDF5": "4D Camera",
    "event NPZ": "compact events",
    "LiberTEM raw CSR": "LiberTEM raw CSR",
    "Falcon EER": "Falcon",
    "Timepix3 raw packets": "`.tpx3`",
    "Timepix3 records (t3p)": "`.t3p`",
    "sparse NPZ": "sparse `.npz`",
}
"""What the page calls each reader of events."""


def test_the_table_of_events_is_the_registry():
    table = {cells[0]: cells[1:] for cells in rows("Events")}
    assert len(table) == len(READERS) == len(EVENTS)
    for reader in READERS:
        (row,) = (cells for name, cells in table.items() if EVENTS[reader.NAME] in name)
        assert row[0] == "yes"
        assert bool(row[1]) == (reader in WRITERS), reader.NAME


FRAMES = {
    "Dectris HDF5": "Dectris",
    "HDF5 (HyperSpy, EMD, any array)": "HDF5",
    "Zarr (HyperSpy, any array)": "Zarr",
    "NumPy .npy": "`.npy`",
    "NanoMEGAS block file": "`.blo`",
    "EMPAD": "EMPAD",
    "Merlin .mib": "`.mib`",
    "DigitalMicrograph": "DM3/DM4",
    "MRC": "MRC",
    "TVIPS": "TVIPS",
}
"""What the page calls each reader of dense frames."""


def test_every_reader_of_frames_is_named_and_nothing_that_there_is_not():
    assert {reader.NAME for reader in dense.READERS} == FRAMES.keys()
    ((told, _),) = rows("Dense frames")
    assert all(name in told for name in FRAMES.values())
    endings = set(re.findall(r"`(\.\w+)`", told))
    assert endings <= {*listing.SUFFIXES, ".zspy"}  # a Zarr store is a folder


def test_the_readmes_formats_are_the_guides():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## File formats$(.*?)^## ", readme, re.DOTALL | re.MULTILINE)[1]
    endings = set(re.findall(r"`(\.\w+)`", section))
    assert endings == set(re.findall(r"`(\.\w+)`", str(rows("Events") + rows("Dense frames"))))
