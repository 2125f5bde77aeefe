"""What the command answers: help, facts as JSON, conversion, and one sentence when it cannot."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict

import h5py
import numpy as np
import pytest
from typer.main import get_command

from app.cli import app, main
from recon.io import open_events
from recon.io.checksum import checksum
from tests.support.paths import ROOT
from tests.support.scans import FRAME_SHAPE, write_4dcamera
from tests.support.waiting import PATIENCE_S

COMMANDS = (
    "serve",
    "info",
    "reconstruct",
    "batch",
    "simulate",
    "convert",
    "count",
    "bench",
    "receive",
    "replay",
)


BEAM = ("--energy-kev", "80", "--semiangle-mrad", "25", "--scan-step-angstrom", "0.3")


def python(*arguments, **options):
    """A process of its own, with the project's folder to import from."""
    command = [sys.executable, *map(str, arguments)]
    options |= {"cwd": ROOT, "timeout": PATIENCE_S}
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.fixture
def small(tmp_path):
    """A scan of 2 × 3 positions with one to three electrons each."""
    frames = [[5], [5, 9, 9], [70], [1, 2], [727], [30, 31]]
    return write_4dcamera(tmp_path / "small.h5", frames, (2, 3))


def test_help_names_every_command_and_imports_no_page():
    code = (
        "import sys; from app.cli import main; code = main(['--help']); "
        "heavy = {'numpy', 'numba', 'h5py', 'panel', 'bokeh', 'holoviews'} & set(sys.modules); "
        "sys.exit(code or ' '.join(heavy) or None)"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"livestem {command}" in capsys.readouterr().out


def test_help_gives_the_defaults_of_the_dpc_iteration():
    from recon.batch.settings import Dpc

    options = {p.name: p.help for p in get_command(app).commands["reconstruct"].params}
    for name, value in asdict(Dpc()).items():
        if f"dpc_{name}" in options:
            assert f"{value:g} if left out" in options[f"dpc_{name}"]


def test_without_arguments_the_help_is_shown(capsys):
    assert main([]) == 0
    assert "reconstruct" in capsys.readouterr().out


def test_info_prints_facts_as_json_and_imports_no_page(small):
    code = (
        "import sys; from app.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or ' '.join({'panel', 'bokeh', 'holoviews'} & set(sys.modules)) or None)"
    )
    done = python("-c", code, "info", small)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts.pop("format").startswith("4D Camera HDF5, version 3")
    assert "10 electrons" in facts.pop("statement")
    assert facts.pop("checksum") == checksum(open_events(small))
    assert facts == {
        "places_checksum": None,
        "metadata": {},
        "scan_shape": [2, 3],
        "frame_shape": list(FRAME_SHAPE),
        "electrons": 10,
        "frames_per_position": 1,
        "flyback": "none",
        "notes": [],
        "empty_frames": 0,
        "electrons_per_frame": {"mean": 10 / 6, "min": 1, "max": 3},
    }


def test_info_drops_the_flyback_column_unless_told_to_keep_it(tmp_path, capsys):
    frames = [[5], [5, 9, 9], [70], [1, 2], [727], [30, 31]]
    path = write_4dcamera(tmp_path / "camera.h5", frames, (2, 3), flyback=True)
    shapes = {}
    for option in ("", "--keep-flyback"):
        assert main(["info", str(path), *option.split()]) == 0
        facts = json.loads(capsys.readouterr().out)
        shapes[facts["flyback"]] = facts["scan_shape"]
    assert shapes == {"dropped": [2, 2], "kept": [2, 3]}


def test_a_million_empty_frames_have_facts_but_no_phase(tmp_path, capsys, refused):
    path = write_4dcamera(tmp_path / "empty.h5", 10**6, (1000, 1000))
    assert main(["info", str(path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["empty_frames"] == 10**6
    assert facts["electrons"] == 0
    output = tmp_path / "out.h5"
    assert "no electrons" in refused("reconstruct", path, "--output", output, *BEAM)
    assert not output.exists()


def test_events_survive_conversion_to_npz_and_back(small, tmp_path, capsys):
    packed, again = tmp_path / "small.npz", tmp_path / "again.h5"
    assert main(["convert", str(small), str(packed)]) == 0
    assert main(["convert", str(packed), str(again)]) == 0
    with h5py.File(small) as one, h5py.File(again) as other:
        expected, found = (file["electron_events/frames"] for file in (one, other))
        assert dict(found.attrs) == dict(expected.attrs)
        for frame, original in zip(found[()], expected[()], strict=True):
            np.testing.assert_array_equal(frame, original)


def broken_files(folder):
    """Files that cannot be read, each with words that its refusal must hold."""
    frames = [[5], [5, 9], [7], [1]]
    (folder / "text.h5").write_text("not a scan\n" * 100)
    with h5py.File(folder / "no_groups.h5", "w") as file:
        file["other"] = np.arange(3)
    write_4dcamera(folder / "outside.h5", [*frames[:3], [FRAME_SHAPE[0] * FRAME_SHAPE[1]]], (2, 2))
    write_4dcamera(folder / "shape.h5", frames, (3, 2))
    write_4dcamera(folder / "empty_scan.h5", 0, (0, 0))
    whole = write_4dcamera(folder / "cut.h5", [list(range(700))] * 400, (20, 20))
    os.truncate(whole, whole.stat().st_size // 2)
    (folder / "nothing.h5").touch()
    return {
        "text.h5": ("known format",),
        "no_groups.h5": ("the HDF5 file has no ",),
        "outside.h5": ("728", "28 × 26", "position 3"),
        "shape.h5": ("3 × 2", "4 frames"),
        "empty_scan.h5": ("empty",),
        "cut.h5": ("truncated",),
        "nothing.h5": ("empty",),
        "absent.h5": ("There is no file",),
        ".": ("folder",),
    }


@pytest.mark.parametrize("command", ["info", "reconstruct", "convert"])
def test_a_file_that_is_no_scan_is_refused_in_one_sentence(command, tmp_path, refused):
    output = tmp_path / "out.h5"
    rest = {
        "info": (),
        "convert": (output,),
        "reconstruct": ("--output", output, *BEAM),
    }[command]
    for name, words in broken_files(tmp_path).items():
        before = set(tmp_path.iterdir())
        sentence = refused(command, tmp_path / name, *rest)
        assert all(word in sentence for word in words), sentence
        assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--energy-kev 0", "'--energy-kev': must be positive, not 0"),
        ("--energy-kev -80", "not -80"),
        ("--energy-kev eighty", "'eighty' is not a number"),
        ("--energy-kev nan", "not a finite number"),
        ("--energy-kev 80000", "0.01 to 3000 keV, not 80000"),
        ("--semiangle-mrad 600", "to 500 mrad"),
        ("--dpc-lowpass 1e300", "too large"),
        ("--aberration C10=1e300", "at most 1e+11 Å"),
        ("--semiangle-mrad 0", "'--semiangle-mrad': must be positive"),
        ("--semiangle-mrad -1", "not -1"),
        ("--scan-step-angstrom 0", "'--scan-step-angstrom': must be positive"),
        ("--scan-step-angstrom 0.3,-0.2", "not 0.3,-0.2"),
        ("--scan-step-angstrom 1,2,3", "3 numbers"),
        ("--scan-step-angstrom ,", "not a number"),
        ("--rotation-deg north", "'north' is not a number"),
        ("--aberration C11=3", "'C11' is no aberration coefficient; the names are C10, C12a"),
        ("--aberration C10", "C10=80"),
        ("--aberration C10=far", "C10=80"),
        ("--aberration C10=inf", "finite"),
        ("--aberration C10=1 --aberration C10=2", "twice"),
        ("--aberrations C10=80", "single values are --aberration C10=80"),
        ("--aberrations auto --orders 6", "1 to 5, not 6"),
        ("--orders 2", "add --aberrations auto"),
        ("--mode nice", "'nice' is not one of 'exact', 'draft', 'sum'"),
        ("--sideband up", "'up' is not one of"),
        ("--bright-field-pixels 3", "4 to 64, not 3"),
        ("--bright-field-pixels 18.5", "not a whole number"),
        ("--band-limit 1.2", "at most 1"),
        ("--dpc-iterations 0", "at least 1"),
        ("--dpc-highpass -1", "zero or more"),
        ("--dpc-step 0", "must be positive"),
        ("--disc-centre 3,4", "give both"),
        ("--disc-centre 1e20,4 --disc-radius 3", "beyond 1e+06 pixels"),
        ("--disc-centre 3,4 --disc-radius 1e20", "0.01 to 1e+06 pixels, not 1e20"),
        ("--descan 1e29,0,0,0,0,0,0,0,0,0", "by up to 1e+29 px"),
        ("--rotation-deg auto --transpose", "finds the transpose as well"),
        ("--no-such-option 1", "--no-such-option"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(option, words, small, tmp_path, refused):
    output = tmp_path / "out.h5"
    sentence = refused("reconstruct", small, "--output", output, *BEAM, *option.split())
    assert words in sentence
    assert not output.exists()


def test_missing_calibration_is_named_in_one_sentence(small, tmp_path, refused):
    output = tmp_path / "out.h5"
    sentence = refused("reconstruct", small, "--output", output, "--semiangle-mrad", "25")
    assert "--energy-kev" in sentence
    assert "--scan-step-angstrom" in sentence
    assert "--semiangle-mrad" not in sentence
    assert not output.exists()


def test_output_that_cannot_be_written_is_refused_before_any_work(small, tmp_path, refused):
    content = small.read_bytes()
    for output, words in (
        (small, "same file"),
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "out.h5", "no folder"),
        ("/dev/full", "not a place for a file"),
    ):
        assert words in refused("reconstruct", small, "--output", output, *BEAM)
        assert words in refused("convert", small, output)
    assert small.read_bytes() == content


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(small, tmp_path, refused):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert "Cannot write" in refused("reconstruct", small, "--output", locked / "o.h5", *BEAM)


def test_a_process_ends_with_2_and_one_line_and_a_traceback_only_on_request(tmp_path):
    environment = {**os.environ, "LIVESTEM_DEBUG": ""}
    done = python("-m", "app.cli", "info", tmp_path / "absent.h5", env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == f"There is no file {tmp_path / 'absent.h5'}."
    done = python(
        "-m", "app.cli", "info", tmp_path / "absent.h5", env={**environment, "LIVESTEM_DEBUG": "1"}
    )
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_an_unexpected_error_is_one_line_with_a_hint(small, monkeypatch, capsys):
    def fail(*arguments, **keywords):
        raise KeyError("deep\ninside")

    monkeypatch.setattr("recon.io.describe", fail)
    assert main(["info", str(small)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "Unexpected KeyError" in message
    assert "LIVESTEM_DEBUG=1" in message


BEGUN = """
import app.cli, recon.simulate.demo

simulate = recon.simulate.demo.simulate_nanotube

def told(*given, progress, **settings):
    def tell(fraction):
        print("begun", flush=True)
        progress(fraction)
    return simulate(*given, progress=tell, **settings)

recon.simulate.demo.simulate_nanotube = told
app.cli.run()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_ends_quietly(number, tmp_path):
    target = tmp_path / "scan.h5"
    command = [sys.executable, "-c", BEGUN, "simulate", str(target), "--scan", "1024"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(number)
        output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert output.replace(b"begun\n", b"") + errors == b""
    assert list(tmp_path.iterdir()) == []


FIGURES = (
    *("redraw_draft_ms", "redraw_exact_ms", "floor_ms", "paper_kernel_ms", "first_image_ms"),
    *("batched_fft_ms", "com_ms", "one_pass_ms", "read_hdf5_ms", "h5py_read_ms", "read_cache_ms"),
    *("raw_read_ms", "peak_memory_bytes", "sideband_entries", "device"),
)


def test_bench_prints_its_figures_as_json_and_as_a_table(monkeypatch, capsys):
    asked = {}

    def run(progress, **options):
        asked.update(options)
        figures = dict.fromkeys(FIGURES, 12.5) | {"device": "cpu", "peak_memory_bytes": 10**9}
        work = {"scan": [8, 9], "pixels": 7, "electrons": 72, "threads": 2, "sideband_entries": 5}
        return figures | work | {"ratios": {"draft redraw / floor": 2.25}}

    monkeypatch.setattr("recon.bench.machine.run", run)
    options = ["--scan", "8,9", "--pixels", "7", "--electrons-per-frame", "1.5"]
    assert main(["bench", *options, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(FIGURES) <= set(figures)
    assert asked == {"scan": (8, 9), "pixels": 7, "electrons_per_frame": 1.5}
    assert main(["bench", *options]) == 0
    table = capsys.readouterr().out
    assert "redraw draft" in table
    assert "2.25" in table


def test_simulate_and_convert_refuse_an_unknown_kind_of_file(small, tmp_path, refused):
    assert ".npz" in refused("convert", small, tmp_path / "scan.tif")
    assert ".npz" in refused("simulate", tmp_path / "scan.tif")
