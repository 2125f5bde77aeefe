"""The page as `livestem serve` locks it: behind a login, and bound to its own host."""

import pytest

from tests.support.servers import served
from tests.support.waiting import PATIENCE_S


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("locked")


@pytest.fixture(scope="module")
def locked(scans, cache):
    """Address of the page, for anna alone."""
    (cache / "users.json").write_text('{"anna": "right"}')
    arguments = [scans, "--login", cache / "users.json"]
    with served(*arguments, LIVESTEM_CACHE=str(cache)) as (_, found):
        yield found[0]


@pytest.fixture
def browser(chromium):
    """A page, the complaints of its console, and what it asked of other hosts."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    context.set_default_timeout(1000 * PATIENCE_S)
    page = context.new_page()
    problems, outside = [], []
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: (
            request.url.startswith(("http://localhost:", "data:", "blob:"))
            or outside.append(request.url)
        ),
    )
    yield page, problems, outside
    context.close()


def test_the_locked_page_works_in_a_browser_after_a_login(locked, browser, cache):
    page, problems, outside = browser
    page.goto(f"{locked}?dataset=lattice.npz")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").get_by_text("Invalid username or password").wait_for()

    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("right")
    page.get_by_role("button", name="Log in").click()
    # All of it is there: scripts from blobs, the websocket, pictures drawn from arrays.
    page.locator(".status .mode", has_text="exact").wait_for()
    assert "dataset=lattice.npz" in page.url
    # What is kept under a name is anna's alone.
    page.locator(".presets summary").click()
    page.locator(".presets input").fill("mine")
    page.locator(".presets .save").click()
    page.locator(".presets .load", has_text="mine").wait_for()
    (kept,) = (cache / "presets").glob("*.json")
    assert kept.name.startswith("anna-")
    # Nothing was kept from the page by the headers that lock it; the browser notes the refusal.
    (refused,) = problems
    assert "401 (Unauthorized)" in refused
    assert outside == []


def test_a_page_of_another_site_may_not_frame_it(locked, browser):
    page, problems, _ = browser
    page.set_content(f'<iframe src="{locked.replace("localhost", "127.0.0.1")}"></iframe>')
    while not any("frame" in problem.lower() for problem in problems):
        page.wait_for_event("console")
