"""Numbers in words: digits of their errors, and nothing that is not known."""

from math import hypot

import pytest

from app.report import numbers


def said(**other):
    """The `parameters` of a scan of 40 × 20 positions, 0.5 × 0.25 Å apart."""
    aberrations = {"C10": -123.456, "C12a": 30.0, "C12b": 40.0, "C21a": 0.0, "C23a": 0.0}
    fit = {
        "errors": {"C10": 0.234, "C12a": 3.0, "C12b": 4.0, "C21a": 2000.0},
        "specimen": {"errors": {"thickness": 12.0, "tilt_y": 0.25}},
        "semiangle": {"semiangle_error": 0.04},
        "flatness_after": 0.876,
        "misfit": 1.234,
        "undetermined": ["C10", "C23a"],
        "remarks": ["It wavered."],
    }
    known = {
        "scan_shape": [40, 20],
        "frame_shape": [64, 48],
        "electrons": 12_345_678,
        "calibration": {
            "energy": 80e3,
            "semiangle_cutoff": 25.123,
            "scan_sampling": [0.5, 0.25],
            "rotation_deg": -12.345,
            "transpose": True,
            "centre": [31.5, 23.25],
            "radius": 12.0,
        },
        "orientation": {"rotation_error": 0.5},
        "aberrations": aberrations,
        "specimen": {"thickness": 123.4, "tilt": [1.234, -2.0], "focal_spread": 35.0},
        "sources": {"energy": "file", "C10": "fit"},
        "fit": fit,
        "undersampling": {"step_over_nyquist": 1.2, "statement": "Too coarse."},
        "faulty_pixels": {"statement": ""},
        "file": {"notes": ["It ends early."]},
        "contradictions": ["The file says 300 kV."],
        "bright_field_bin": 2,
    }
    return known | other


def words(rows):
    return {row.name: f"{row.value} {row.unit}".strip() for row in rows}


def test_values_have_the_digits_of_their_errors():
    found = words(numbers.aberrations(said()))
    assert found["Defocus"] == "123.46 ± 0.23 Å"
    assert found["C12a"] == "30.0 ± 3.0 Å"
    # Fitted and zero is a finding, zero alone is none.
    assert found["C21a"] == "0 ± 200 nm"
    assert "C23a" not in found
    found = words(numbers.specimen(said()))
    assert found["Thickness"] == "12.3 ± 1.2 nm"
    assert found["Tilt y"] == "1.23 ± 0.25 mrad"
    assert found["Tilt x"] == "−2 mrad"
    found = words(numbers.probe(said()))
    assert found["Semi-angle"] == "25.123 ± 0.040 mrad"
    assert found["Rotation"] == "−12.35 ± 0.50 °"


def test_dose_and_field_follow_from_step_and_positions():
    found = words(numbers.scan(said()))
    assert found["Step"] == "0.5 × 0.25 Å"
    assert found["Field"] == "20 Å × 5 Å"
    assert float(found["Dose"].split()[0].replace("\u202f", "")) == pytest.approx(
        12_345_678 / (40 * 20 * 0.5 * 0.25), rel=5e-3
    )


def test_the_astigmatism_has_the_error_that_follows_from_its_parts():
    # d|z| = (a da + b db) / |z|: hypot(30 · 3, 40 · 4) / 50 = 3.67
    assert hypot(30 * 3, 40 * 4) / 50 == pytest.approx(3.67, abs=0.01)
    assert words(numbers.headline(said()))["Astigmatism"] == "50.0 ± 3.7 Å"


def test_without_a_fit_no_error_is_made_up():
    bare = said(fit=None, orientation={"rotation_error": None}, electrons=None)
    rows = [
        row
        for make in (numbers.scan, numbers.probe, numbers.aberrations, numbers.specimen)
        for row in make(bare)
    ]
    assert not any("±" in row.value for row in rows)
    assert "Dose" not in words(rows)
    assert "Tiles flat" not in words(numbers.headline(bare))


def test_a_thin_specimen_has_no_rows():
    thin = {"thickness": 0.0, "tilt": [3.0, 0.0], "focal_spread": 0.0}
    assert list(numbers.specimen(said(specimen=thin))) == []


def test_doubts_are_what_may_be_wrong_and_nothing_else():
    assert numbers.doubts(said()) == [
        "It ends early.",
        "The file says 300 kV.",
        "Too coarse.",
        "It wavered.",
        "Not determined by this scan, left as set: defocus, C23a.",
    ]


def test_a_fit_that_was_refused_is_a_doubt():
    refused = {"statement": "No aberrations make the tiles flat: nothing was changed."}
    assert refused["statement"] in numbers.doubts(said(fit=refused))
    assert numbers.doubts(said(fit=None))[-1] == "Too coarse."
