"""Libraries that a stream needs."""

import json

import pytest

from recon.live.source import LiveError
from recon.live.wanted import wanted


def test_one_that_is_there_is_given():
    assert wanted("json", "This") is json


def test_one_that_is_not_is_a_sentence_with_what_to_install():
    with pytest.raises(LiveError) as caught:
        wanted("no_such_library.part", "The stream")
    assert str(caught.value) == (
        "The stream needs no_such_library, which is not installed: `pip install 'livestem[live]'`."
    )
