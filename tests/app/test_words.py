"""Numbers and lengths as a microscopist reads them, by cases done by hand."""

from math import inf, nan

import pytest

from app.words import measured, plain, spoken, unit_to

BY_HAND = [
    # Value and error in the unit given; what is read.
    ((1_010_000, 270_000, "nm"), "1.01 ± 0.27 mm"),
    ((490_000, 150_000, "nm"), "490 ± 150 µm"),
    ((12.3456, 0.0234, "nm"), "12.346 ± 0.023 nm"),
    ((-3.21, 0.45, "mm"), "−3.21 ± 0.45 mm"),
    ((0.35, 0.12, "µm"), "0.35 ± 0.12 µm"),
    ((0.012, 0.003, "µm"), "12.0 ± 3.0 nm"),
    ((0.02, 0.3, "nm"), "0.02 ± 0.30 nm"),
    ((999.4, 0.6, "nm"), "999.40 ± 0.60 nm"),
    ((1000, 20, "nm"), "1.000 ± 0.020 µm"),
    ((2e5, 4e4, "mm"), "200 ± 40 m"),
    ((-1234.5, 2.26, "Å"), "−123.45 ± 0.23 nm"),
    ((0.004, 0.001, "nm"), "0.040 ± 0.010 Å"),
    # An error that rounds up has two digits still.
    ((5.0, 0.0996, "nm"), "5.00 ± 0.10 nm"),
    ((1234.0, 99.6, "mrad"), "1230 ± 100 mrad"),
    # Only lengths change their unit.
    ((-12.34, 0.3, "°"), "−12.34 ± 0.30°"),
    ((25_000.0, 120.0, ""), "25000 ± 120"),
    # Nothing of a minus is left of what rounds to zero.
    ((-0.004, 0.5, "nm"), "0.00 ± 0.50 nm"),
]


@pytest.mark.parametrize(("given", "read"), BY_HAND, ids=[read for _, read in BY_HAND])
def test_a_value_has_the_digits_of_its_error_and_the_unit_that_suits_both(given, read):
    assert spoken(*given) == read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ((1_010_000.0, None, "nm"), "1.01 mm"),
        ((37.5, None, "nm"), "37.5 nm"),
        ((-120.0, None, "nm"), "−120 nm"),
        ((0.0, None, "µm"), "0 µm"),
        ((-0.0, None, "nm"), "0 nm"),
        ((100.0, None, "nm"), "100 nm"),
        ((1234.5678, None, "mrad"), "1234.6 mrad"),
        ((12.0, 0.0, "nm"), "12 nm"),
        ((12.0, inf, "nm"), "12 nm"),
        ((12.0, nan, "nm"), "12 nm"),
    ],
)
def test_a_value_without_an_error_has_no_more_digits_than_it_needs(given, read):
    assert spoken(*given) == read


def test_number_and_unit_can_stand_apart():
    assert measured(1_010_000, 270_000, "nm") == ("1.01 ± 0.27", "mm")
    assert measured(90.0, 2.0, "°") == ("90.0 ± 2.0", "°")


@pytest.mark.parametrize(
    ("value", "digits", "read"),
    [(123456, 3, "123000"), (0.00012345, 3, "0.000123"), (2.0, 3, "2"), (nan, 3, "nan")],
)
def test_a_plain_number_has_neither_exponent_nor_zeros_at_its_end(value, digits, read):
    assert plain(value, digits) == read


@pytest.mark.parametrize(
    ("reach", "unit", "shown"),
    [
        (500, "nm", ("nm", 1)),
        (5000, "nm", ("nm", 1)),
        (50_000, "nm", ("µm", 1e3)),  # the defocus of an aperture of 1 mrad
        (1e7, "nm", ("mm", 1e6)),  # its coma
        (1e9, "mm", ("m", 1e3)),  # nothing is larger
    ],
)
def test_a_slider_has_the_unit_that_its_reach_calls_for(reach, unit, shown):
    assert unit_to(reach, unit) == shown
