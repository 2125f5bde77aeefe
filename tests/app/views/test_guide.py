"""The guide as the page shows it."""

import re

import pytest

from app.views.guide import Guide, anchor, guide_page, names


@pytest.mark.parametrize("name", sorted(names()))
def test_a_page_asks_no_other_host_and_leads_only_to_pages_that_exist(name):
    page = guide_page(name)
    assert page.title
    assert "<h1" not in page.html
    assert "<!--" not in page.html
    assert all(
        src.startswith("data:image/png;base64,") for src in re.findall('src="(.*?)"', page.html)
    )
    for to, at in re.findall('data-page="(.*?)" data-anchor="(.*?)"', page.html):
        assert to in names()
        assert not at or f'id="{at}"' in guide_page(to).html


def test_the_contents_lead_to_every_page():
    led = set(re.findall('data-page="(.*?)"', guide_page("index").html))
    assert led == names() - {"index"}


def test_a_heading_is_called_as_forges_call_it():
    assert anchor("Raw camera frames: counting") == "raw-camera-frames-counting"


def test_only_pages_of_the_guide_open():
    guide = Guide()
    for name in ("../../README", "/etc/passwd", "no such page", ""):
        guide._handle_msg({"does": "open", "page": name})
    assert (guide.page, guide.opened) == ("", 0)
    guide._handle_msg({"does": "open", "page": "tiles"})
    assert (guide.page, guide.opened) == ("tiles", 1)
    assert guide.title == "Tiles: right, wrong, and what to do"
