"""What to change on the microscope, by hand cases."""

import numpy as np
import pytest

from app.state.conventions import CONVENTIONS, to_change
from recon.optics import Aberrations


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("C10", "change C10 by −12.3 nm, C12 by 4.1 nm at 0°"),
        ("defocus", "change Δf by +12.3 nm, C12 by 4.1 nm at 0°"),
        ("reversed", "change C10 by +12.3 nm, C12 by 4.1 nm at 90°"),
    ],
)
def test_each_convention_takes_the_same_probe_to_focus(name, said):
    # A probe 12.3 nm overfocused, whose C12 of 4.1 nm lies at 90°: a cos 2φ is negative there.
    probe = Aberrations(C10=123, C12a=-41)
    assert to_change(probe, CONVENTIONS[name]) == said


def test_an_astigmatism_is_undone_by_the_same_size_a_quarter_turn_away():
    for angle in np.deg2rad([-80, -10, 20, 37]):
        size = {"C12a": -41 * np.cos(2 * angle), "C12b": -41 * np.sin(2 * angle)}
        said = to_change(Aberrations(**size), CONVENTIONS["C10"])
        assert said == f"change C12 by 4.1 nm at {round(np.rad2deg(angle))}°".replace("-", "−")


def test_nothing_is_to_be_changed_in_focus():
    assert to_change(Aberrations(C30=1e5), CONVENTIONS["C10"]) == ""
