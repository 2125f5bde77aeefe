"""The question marks of the page lead to what the guide says of their sections."""

import re

from app.views.assets import asset
from app.views.guide import guide_page, names

MARK = re.compile(r'<button type="button" class="ask" data-page="(.*?)"(?: data-anchor="(.*?)")? ')


def test_each_question_mark_leads_to_a_place_of_the_guide():
    marks = MARK.findall(asset("page.html"))
    assert len(marks) == asset("page.html").count('class="ask"')
    for page, at in marks:
        assert page in names()
        assert not at or f'id="{at}"' in guide_page(page).html, at


def test_each_section_of_the_panel_has_one():
    html = asset("page.html")
    sections = re.findall(r'<details class="card".*?><summary>(.*?)</summary>', html)
    assert len(sections) >= 6
    assert all('class="ask"' in section for section in sections)
    assert all('class="ask"' in head for head in re.findall(r"<h2>.*?</div>", html, re.DOTALL))
