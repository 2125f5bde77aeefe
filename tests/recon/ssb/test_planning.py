"""Memory that is planned: against tables that are really made, and against what is really taken."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from recon.bench.work import ABERRATIONS, reference_calibration, reference_events
from recon.calibration import Calibration
from recon.device import backend, residence
from recon.device.backend import CPU, Memory
from recon.device.failure import DeviceFull
from recon.dpc.integrate import integrate_com
from recon.ssb import planning
from recon.ssb.bright_field import bright_field
from recon.ssb.gfunction import build_sidebands
from recon.ssb.phase import MODES, object_transmission, single_sideband
from recon.ssb.planning import plan, require
from recon.ssb.tables import count_entries
from recon.sums.com import centre_of_mass, scan_deflection
from recon.sums.detectors import pacbed, virtual_detectors
from tests.support.fake_gpu import fake_gpu

GPU = SimpleNamespace(name="gpu")
FRAME = (64, 64)


def calibration_of(sampling, rotation=17.0):
    return Calibration(80e3, 25.0, sampling, (31.2, 30.7), 28.3, rotation_deg=rotation)


def memory_of(usable):
    return Memory(2 * usable, usable)


def large(pixels=64, scan=(4096, 4096), **options):
    calibration = reference_calibration(64)
    return plan(scan, FRAME, 50 * scan[0] * scan[1], calibration, pixels, **options)


@pytest.mark.parametrize("sampling", [(0.316, 0.316), (1.2, 0.9), (0.1, 0.15)], ids=str)
@pytest.mark.parametrize("scan", [(256, 256), (100, 700), (513, 129), (30, 40)], ids=str)
@pytest.mark.parametrize(("pixels", "full"), [(5, False), (18, True), (36, False)])
def test_g_takes_what_was_planned_and_little_less(sampling, scan, pixels, full):
    """From undersampled to oversampled scans, the aperture's share of the frequencies differs."""
    calibration = calibration_of(sampling)
    exact = count_entries(calibration, bright_field(calibration, FRAME, pixels), scan, full)
    for half in (False, True):
        planned = plan(scan, FRAME, 10**6, calibration, pixels, full=full, half=half)
        assert exact.nbytes(half) <= planned.g <= 1.1 * exact.nbytes(half)
        assert planned.entries == pytest.approx((4 if half else 8) * (exact.entries + 32), rel=0.1)


def session(fake, events, calibration, pixels):
    """Most bytes that are taken while everything that a session can ask for is computed."""
    resident = events.to_device(fake.device)
    pacbed(resident)
    virtual_detectors(resident, calibration)
    g = build_sidebands(resident, calibration, pixels)
    for mode in MODES:
        single_sideband(g, ABERRATIONS, mode)
        object_transmission(g, ABERRATIONS, mode)
    field = scan_deflection(centre_of_mass(resident), calibration)
    integrate_com(field, calibration, iterations=2)
    return fake.peak


@pytest.mark.parametrize(
    ("scan", "pixels", "electrons", "total"),
    [
        ((128, 128), 18, 30.0, 1 << 30),
        ((40, 300), 6, 20.0, 1 << 30),
        ((120, 100), 32, 10.0, 1 << 30),
        ((120, 100), 32, 10.0, 25 << 20),
        ((128, 128), 8, 400.0, 24 << 20),
    ],
    ids=["square", "wide", "fine", "fine, little memory", "streamed"],
)
def test_what_is_taken_is_planned_and_no_less_than_two_thirds_of_it(
    monkeypatch, scan, pixels, electrons, total
):
    monkeypatch.setattr(residence, "CHUNK_ELECTRONS", 1 << 16)
    fake = fake_gpu("cpu", monkeypatch, total=total)
    events, calibration = reference_events(scan, pixels, electrons), reference_calibration(pixels)
    wanted = plan(scan, events.frame_shape, events.electrons, calibration, pixels)
    planned = require(wanted, backend.memory(fake.device), fake.device)
    taken = session(fake, events, calibration, pixels)
    assert taken <= planned.peak <= min(1.5 * taken, total)
    assert (planned.events == 0) == (electrons == 400.0)


def test_a_plan_adds_up():
    planned = large()
    assert planned.events == 4 * 50 * 4096**2 + 8 * (4096**2 + 1)
    assert planned.resident == planned.events + planned.tables + planned.entries
    assert planned.peak == planned.resident + planned.work
    assert planned.work >= max(planned.counts + planned.transforms, planned.redraw)


def test_the_statement_names_the_scan_and_its_parts():
    statement = large().statement()
    numbers = r"needs ([\d.]+) GB on the GPU \(G ([\d.]+), events ([\d.]+), work ([\d.]+)\)\.$"
    assert statement.startswith("This scan of 4096 × 4096 positions at 64 pixels across needs ")
    whole, *parts = map(float, re.search(numbers, statement).groups())
    assert whole == pytest.approx(sum(parts), abs=0.21)
    assert whole == pytest.approx(large().peak / 1e9, abs=0.051)


def test_half_precision_halves_the_entries_alone():
    whole, half = large(), large(half=True)
    assert half.entries == pytest.approx(whole.entries / 2, abs=1)
    assert half.tables == pytest.approx(whole.tables, abs=8)
    assert "in half precision" in half.statement()


def test_what_is_excluded_is_not_planned():
    excluded = np.zeros(FRAME, bool)
    excluded[:, :20] = True
    assert large(18, excluded=excluded).entries < 0.9 * large(18).entries


def test_the_same_plan_is_not_counted_twice(monkeypatch):
    first = large(18)
    monkeypatch.setattr(planning, "estimate_entries", None)
    assert large(18) == first


def test_what_fits_is_returned_with_slabs_of_the_room_there_is():
    small, ample = (require(large(), memory_of(size), GPU) for size in (60 * 10**9, 130 * 10**9))
    assert small.resident == ample.resident == large().resident
    assert large().counts < small.counts < ample.counts
    assert small.peak <= 60e9
    assert ample.peak <= 130e9


def test_events_are_streamed_where_they_would_leave_too_little_room():
    wanted = large(18)
    planned = require(wanted, memory_of(wanted.peak - wanted.events // 2), GPU)
    assert planned.events == 0
    assert 0 < planned.streamed < 200e6
    assert "events streamed" in planned.statement()


def refusal(wanted, usable, device=GPU):
    with pytest.raises(DeviceFull) as caught:
        require(wanted, memory_of(usable), device)
    return str(caught.value)


def test_the_most_pixels_that_fit_are_offered():
    sentence = refusal(large(), 20 * 10**9)
    assert ", and 20.0 of 40.0 GB are free: take " in sentence
    assert sentence.endswith(", or the CPU.") or sentence.endswith(" or the CPU.")
    pixels = int(re.search(r"take (\d+) pixels or fewer", sentence)[1])
    require(large(pixels), memory_of(20 * 10**9), GPU)
    with pytest.raises(DeviceFull):
        require(large(pixels + 1), memory_of(20 * 10**9), GPU)


def test_half_precision_is_offered_where_it_fits_and_only_there():
    fits = large(half=True).peak
    assert "pixels or fewer, half precision, or the CPU." in refusal(large(), fits)
    assert "half" not in refusal(large(), fits // 2)
    assert "half precision, or" not in refusal(large(half=True), fits // 2)
    assert "half" not in refusal(large(), fits, CPU)


def test_a_smaller_region_is_offered_where_nothing_else_helps():
    scan = (4096, 2048)
    least = large(4, scan).g
    sentence = refusal(large(64, scan), least // 2)
    rows, columns = map(int, re.search(r"a region of (\d+) × (\d+) positions", sentence).groups())
    assert rows == pytest.approx(2 * columns, abs=2)
    require(large(64, (rows, columns)), memory_of(least // 2), GPU)


def test_the_last_way_out_is_another_machine():
    assert refusal(large(), 10**4, CPU).endswith("are free: take a machine with more memory.")
    assert refusal(large(), 10**4).endswith("are free: take the CPU.")
    assert " GB on the CPU (" in refusal(large(), 10**4, CPU)


def test_what_cannot_be_reconstructed_is_not_planned():
    with pytest.raises(ValueError, match="at least 4 × 4 positions"):
        plan((3, 100), FRAME, 1000, calibration_of((0.3, 0.3)), 18)
