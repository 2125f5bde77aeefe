"""What `reconstruct` says at its end."""

from app.report.told import sentences

PARAMETERS = {
    "statement": "event NPZ: 12 electrons.",
    "treatment": {"done": []},
    "file": {"notes": []},
    "contradictions": [],
    "sources": {"energy": "file", "rotation_deg": "entered"},
    "aberrations": {"C10": -123.456, "C12a": 3.5, "C21a": 1.01e7},
    "fit": {
        "statement": "3 coefficients from 40 frequencies.",
        "errors": {"C10": 0.234, "C12a": 0.0, "C21a": 2.7e6},
    },
}


def test_fitted_coefficients_have_the_digits_of_their_errors_and_units_that_suit_them():
    assert list(sentences(PARAMETERS)) == [
        "event NPZ: 12 electrons.",
        "Taken from the file: energy.",
        "3 coefficients from 40 frequencies.",
        "Fitted: C10 = −123.46 ± 0.23 Å, C12a = 3.5 Å, C21a = 1.01 ± 0.27 mm.",
    ]


def test_without_a_fit_nothing_is_said_of_one():
    assert list(sentences(PARAMETERS | {"fit": None}))[-1] == "Taken from the file: energy."


def test_a_fitted_specimen_is_told_before_the_coefficients():
    fit = PARAMETERS["fit"] | {"specimen": {"statement": "Thickness 12.0 ± 0.3 nm."}}
    said = list(sentences(PARAMETERS | {"fit": fit}))
    assert said[3] == "Thickness 12.0 ± 0.3 nm."
    assert said[4].startswith("Fitted: C10")
