"""Words of what a microscope tells."""

from recon.live.source import many


def test_one_thing_and_several_have_their_words():
    assert [many(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
