import json
import subprocess
import sys

import numpy as np
import pytest

from recon.bench import __main__
from recon.bench.machine import ABERRATIONS, reference_calibration, reference_events, run
from recon.bench.work import CHUNK, dense_transform
from recon.device import backend
from recon.device.backend import CPU
from recon.kernels.cpu import reference
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import SIDES, single_sideband
from tests.support.benched import small

KEYS = {
    "redraw_draft_ms",
    "redraw_exact_ms",
    "floor_ms",
    "paper_kernel_ms",
    "first_image_ms",
    "batched_fft_ms",
    "com_ms",
    "one_pass_ms",
    "read_hdf5_ms",
    "h5py_read_ms",
    "read_cache_ms",
    "raw_read_ms",
    "peak_memory_bytes",
    "sideband_entries",
    "device",
}


def test_every_figure_is_measured():
    seen = []
    figures = run((32, 48), 8, 10.0, progress=seen.append)
    assert set(figures) >= KEYS
    assert all(figures[key] > 0 for key in KEYS - {"device"})
    assert figures["device"] == "cpu"
    assert seen[-1] == 1
    assert set(figures["ratios"].values()) > {figures["redraw_draft_ms"] / figures["floor_ms"]}


def test_the_reference_disc_holds_232_pixels():
    calibration = reference_calibration(18)
    y, x = np.indices((18, 18)) - 8.5
    assert np.count_nonzero(np.hypot(y, x) < calibration.radius) == 232
    events = reference_events((16, 16), 18, 50.0)
    assert events.electrons == pytest.approx(16 * 16 * 50, rel=0.05)


def test_the_ported_paper_kernel_sums_what_the_draft_sums():
    """Both take the hard masks: the port is the same work, not an easier one."""
    events, calibration = reference_events((24, 20), 18, 50.0), reference_calibration(18)
    dense = np.zeros((324, 480), np.float32)
    np.add.at(dense, (events.pixels, np.repeat(np.arange(480), events.counts.ravel())), 1)
    g = np.fft.rfft2(dense.reshape(324, 24, 20)).astype(np.complex64)
    y, x = np.indices((18, 18)).reshape(2, -1)
    k = (np.stack([y, x]) - 8.5) * calibration.reciprocal_sampling
    coefficients = np.array(list(vars(ABERRATIONS).values())[:12], np.float32)
    out = np.empty((3, 24, 11), np.complex64)
    sidebands = build_sidebands(events, calibration, 18)
    single_sideband(sidebands, ABERRATIONS, "draft")
    reference.paper_sideband(
        g,
        *k.astype(np.float32),
        sidebands.q_y.astype(np.float32),
        sidebands.q_x.astype(np.float32),
        np.float32(calibration.k0),
        np.float32(calibration.wavelength),
        coefficients,
        out,
    )
    # The draft divides each frequency by its overlap: undo that with its own normalisation, which
    # divides by the number of positions besides.
    norm = 480 * sidebands.derived["norm", SIDES["both"], 1.0, sidebands.specimen]
    draft = np.fft.rfft2(single_sideband(sidebands, ABERRATIONS, "draft"))
    shown = norm > 0
    assert np.count_nonzero(shown) > 100
    np.testing.assert_allclose(
        draft[shown] / norm[shown], -1j * (out[1] + out[2])[shown], atol=1e-5 * abs(out).max()
    )


def test_the_reference_events_are_the_same_each_time_and_fill_every_chunk(monkeypatch):
    first = reference_events((16, 16), 18, 50.0)
    assert first.electrons < CHUNK
    again = reference_events((16, 16), 18, 50.0)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.offsets, again.offsets)
    monkeypatch.setattr("recon.bench.work.CHUNK", 1000)
    pieces = reference_events((16, 16), 18, 50.0)
    calibration = reference_calibration(18)
    radii = np.hypot(pieces.pixels // 18 - 8.5, pieces.pixels % 18 - 8.5)
    assert radii.max() < calibration.radius
    assert np.unique(pieces.pixels).size == 232


def test_the_dense_transform_is_that_of_each_pixels_counts(monkeypatch):
    events = reference_events((12, 10), 6, 20.0)
    counts = np.zeros((36, 120))
    np.add.at(counts, (events.pixels, np.repeat(np.arange(120), events.counts.ravel())), 1)
    monkeypatch.setattr("recon.bench.work.SLAB_BYTES", 10 * 120)
    g = dense_transform(events, CPU)
    np.testing.assert_allclose(g, np.fft.rfft2(counts.reshape(36, 12, 10)), atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "sizes"),
    [
        ([], [([16, 16], 8), ([16, 20], 6)]),
        (["--quick"], [([16, 16], 8)]),
        (["--scan", "12,16", "--pixels", "6"], [([12, 16], 6)]),
        (["--scan", "16", "--electrons-per-frame", "5"], [([16, 16], 18)]),
    ],
    ids=["all", "quick", "one", "scan"],
)
def test_a_device_is_measured_at_the_sizes_asked_for(
    monkeypatch, tmp_path, capsys, arguments, sizes
):
    small(monkeypatch)
    output = tmp_path / "bench.json"
    # The CPU's kernels, which stand in for CUDA's, know no half precision: told, and counted.
    code = __main__.main(["--device", "gpu", "--json", "--output", str(output), *arguments])
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert [(size["scan"], size["pixels"]) for size in report["sizes"]] == sizes
    assert json.loads(output.read_text()) == report
    assert code == 2
    stages = "1 stage" if len(sizes) == 1 else f"{len(sizes)} stages"
    assert printed.err.splitlines()[-1] == (
        f"{stages} failed, for the reasons above: G in half precision."
    )


def test_json_comes_before_the_tables(monkeypatch, capsys):
    small(monkeypatch)
    __main__.main(["--quick"])
    text = capsys.readouterr().out
    report, end = json.JSONDecoder().raw_decode(text)
    assert report["device"].startswith("Stand-in for a GPU")
    assert "draft redraw of the reference work [ms]" in text[end:]


def test_without_failures_the_exit_code_is_zero(monkeypatch, capsys):
    small(monkeypatch)
    monkeypatch.setattr("recon.bench.device.halved", lambda *arguments: None)
    assert __main__.main(["--quick", "--json"]) == 0


def test_the_cpu_is_measured_where_it_is_asked_for(capsys, tmp_path):
    output = tmp_path / "bench.json"
    options = ["--scan", "16,20", "--pixels", "6", "--electrons-per-frame", "5"]
    assert __main__.main(["--device", "cpu", *options, "--output", str(output)]) == 0
    text = capsys.readouterr().out
    assert "16 × 20 positions, 6 pixels across" in text
    assert "redraw draft" in text
    assert set(json.loads(output.read_text())) >= KEYS


def test_without_a_gpu_one_sentence_says_so(monkeypatch, capsys):
    monkeypatch.setattr(backend, "_found", lambda: "No GPU: none.")
    assert __main__.main(["--device", "gpu"]) == 2
    assert capsys.readouterr().err == "No GPU: none.\n"


@pytest.mark.parametrize(
    "arguments",
    [["--scan", "0"], ["--scan", "1,2,3"], ["--pixels", "3"], ["--electrons-per-frame", "nan"]],
    ids=" ".join,
)
def test_a_command_line_out_of_range_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        __main__.main(arguments)
    assert end.value.code == 2
    assert "error: argument" in capsys.readouterr().err


def test_the_bench_runs_where_only_the_dependencies_of_recon_are_installed():
    """Nothing of the page's or the command line's packages is imported, not even by the way."""
    banned = ["app", "typer", "rich", "panel", "holoviews", "bokeh", "param", "platformdirs"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({banned}))\n"
        "import recon.bench.__main__, recon.bench.device\n"
        "sys.exit(recon.bench.__main__.main(['--help']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--device" in result.stdout
