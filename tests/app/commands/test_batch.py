"""`livestem batch`: settings from a file, the table, and how it ends."""

import csv
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from app.cli import main
from app.commands import batch
from recon.batch import many
from recon.batch.many import Done
from tests.support.batched import PARAMETERS


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("a.h5", "b.h5", "c.h5"):
        (folder / name).write_bytes(b"")
    return folder


@pytest.fixture
def given(monkeypatch):
    """Stands for the recipe: what it was given, and what becomes of the scans it is told of."""
    given = {"fails": (), "stops": None}

    def reconstruct_many(scans, folder, choices, *, reading, report, cluster, beyond):
        given.update(choices=choices, reading=reading)
        for scan in scans:
            report("Reading", 0.5)
            if scan.name == given["stops"]:
                raise KeyboardInterrupt
            if scan.name in given["fails"]:
                yield Done(scan, folder / scan.name, "failed", {}, "No disc.")
                continue
            with h5py.File(folder / scan.name, "w") as file:
                file["ssb/phase"] = np.eye(4)
            yield Done(scan, folder / scan.name, "done", PARAMETERS)

    monkeypatch.setattr(many, "reconstruct_many", reconstruct_many)
    return given


def ran(*arguments):
    return main(["batch", *map(str, arguments)])


def states(folder):
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return {line["scan"]: line["state"] for line in csv.DictReader(file)}


def test_all_scans_of_a_folder_make_a_table(scans, given, tmp_path, capsys):
    output = tmp_path / "new" / "out"
    assert ran(scans, "-o", output, "--energy-kev", 80, "--aberrations", "auto") == 0
    assert states(output) == {"a.h5": "done", "b.h5": "done", "c.h5": "done"}
    assert (output / "table.html").exists()
    assert "3 of 3 scans reconstructed" in capsys.readouterr().out
    assert (given["choices"].energy, given["choices"].fit) == (80e3, True)


def test_one_bar_goes_from_the_first_scan_to_the_last(scans, given, tmp_path, monkeypatch):
    told = []

    @contextmanager
    def progress():
        yield lambda task, fraction: told.append((task, fraction))

    monkeypatch.setattr(batch, "progress", progress)
    assert ran(scans, "-o", tmp_path / "out") == 0
    # Also where nothing is told from inside a scan, as of workers of a cluster.
    expected = [1 / 6, 1 / 3, 3 / 6, 2 / 3, 5 / 6, 1.0]
    assert [task for task, _ in told] == 6 * ["3 scans"]
    assert [fraction for _, fraction in told] == pytest.approx(expected)


def test_the_exit_code_tells_that_some_failed(scans, given, tmp_path, capsys):
    given["fails"] = ("b.h5",)
    assert ran(scans, "-o", tmp_path / "out") == 1
    assert states(tmp_path / "out") == {"a.h5": "done", "b.h5": "failed", "c.h5": "done"}
    assert "b.h5: failed. No disc." in capsys.readouterr().out


def test_who_stops_it_has_a_table_of_what_was_done(scans, given, tmp_path):
    given["stops"] = "c.h5"
    assert ran(scans, "-o", tmp_path / "out") == 130
    assert states(tmp_path / "out") == {"a.h5": "done", "b.h5": "done"}


def test_a_file_of_settings_says_what_is_not_typed(scans, given, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(
        "energy-kev = 80\nsemiangle_mrad = 25.5\nscan-step-angstrom = [0.4, 0.5]\n"
        'wiener = true\naberration = ["C10=-50", "C30=1e6"]\nmode = "draft"\n'
        'scan-shape = "3,4"\n'
    )
    typed = "--semiangle-mrad", "21", "--orders", "3", "--aberrations", "auto"
    assert ran(scans, "-o", tmp_path / "out", "--settings", settings, *typed) == 0
    choices = given["choices"]
    assert (choices.energy, choices.semiangle_cutoff) == (80e3, 21.0)
    assert choices.scan_sampling == (0.4, 0.5)
    assert choices.aberrations == {"C10": -50.0, "C30": 1e6}
    assert (choices.contrasts.wiener, choices.mode, choices.orders) == (True, "draft", 3)
    assert given["reading"]["scan_shape"] == (3, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("energy = 80", "“energy” is no setting"),
        ('output = "x"', "“output” is no setting"),
        ("energy-kev = [", "is no TOML file"),
        ("energy-kev = true", "energy-kev must be a number or a text"),
        ("wiener = 1", "wiener must be true or false"),
        ("energy-kev = -5", "energy-kev"),
        ("[energy-kev]", "energy-kev must be"),
    ],
)
def test_a_setting_that_is_none_is_refused(scans, given, tmp_path, capsys, text, said):
    settings = tmp_path / "settings.toml"
    settings.write_text(text)
    assert ran(scans, "-o", tmp_path / "out", "--settings", settings) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "-o", "out"), "There is no nowhere"),
        (("scans", "-o", "file"), "file is a file: name a folder"),
        (("scans", "-o", "out", "--orders", "2"), "--orders is about a fit"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(
    scans, given, tmp_path, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    assert ran(*arguments) == 2
    assert said in capsys.readouterr().err
    assert "choices" not in given
