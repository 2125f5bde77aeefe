"""What is said of the results that are made where they are shown."""

from app.pipeline.noise import stated


def test_what_correlates_up_to_an_end_is_told_with_that_end():
    assert stated({"1/7": 4.0}, 0.5, "scan step") == "resolution 4 Å (1/7)"
    assert stated({"1/7": 2.0}, 0.5, "scan step") == "resolution 2 Å (scan step)"
    assert stated({"1/7": None, "half bit": 3.0}, 0.5, "scan step") == "resolution 3 Å (half bit)"
    assert stated({"1/7": None, "half bit": None}, 0.5, "scan step") == "no resolution"
