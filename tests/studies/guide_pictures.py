"""The guide's pictures, made by the program itself.

    python -m tests.studies.guide_pictures [NAME ...] [--folder FOLDER] [--page assets/page.png]

Serves the demonstration scan, opens its page in headless Chromium with the aberrations and the
rotation that each picture is about, waits for the exact image, and keeps what is shown.
"""

import argparse
import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from recon.simulate.demo import ABERRATIONS, ROTATION_DEG
from tests.studies.latency import FLAGS
from tests.support.paths import ROOT
from tests.support.servers import served
from tests.support.waiting import PATIENCE_S
from tests.ui.idle import PROGRAM as IDLE
from tests.ui.instrument import Instrument

SIZE = {"width": 1366, "height": 768}
LARGEST, LARGEST_PAGE = 145_000, 390_000
"""Bytes of a picture with all its colours, and of README's; a larger one gets a palette of 256."""

GREY = 24
"""Difference of a colour's largest and least part up to which a palette of greys will do."""

NM = 10.0  # ångström

FOCUSED = {
    "defocus": -ABERRATIONS.C10 / NM,
    "C12a": ABERRATIONS.C12a / NM,
    "C12b": ABERRATIONS.C12b / NM,
    "C21a": ABERRATIONS.C21a / NM,
    "C21b": ABERRATIONS.C21b / NM,
    "rotation": ROTATION_DEG,
}

PAGES = {"defocused": {}, "focused": FOCUSED}

TILES = {
    "tiles-focused": FOCUSED,
    "tiles-defocused": FOCUSED | {"defocus": FOCUSED["defocus"] + 8},
    "tiles-astigmatism": FOCUSED | {"C12a": FOCUSED["C12a"] + 8},
    "tiles-rotation": FOCUSED | {"rotation": ROTATION_DEG + 30},
}


def picture(browser, address, query, area, before=None):
    """PNG of the parts of the page that match `area`, at rest."""
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(1000 * PATIENCE_S)
    entries = "&".join(f"{name}={value:g}" for name, value in query.items())
    instrument = Instrument(context.new_page(), f"{address}?{entries}")
    instrument.exact()
    if before is not None:
        before(instrument)
    boxes = [part.bounding_box() for part in instrument.page.locator(area).all()]
    left, top = (min(box[side] for box in boxes) for side in "xy")
    right = max(box["x"] + box["width"] for box in boxes)
    bottom = max(box["y"] + box["height"] for box in boxes)
    shot = instrument.page.screenshot(
        clip={"x": left, "y": top, "width": right - left, "height": bottom - top}
    )
    context.close()
    return shot


GROWN = 0.25, 0.6, 1.0
"""Shares of the demonstration's rows at which it is looked at while it grows."""

GROWN_PX = 330
"""Side of each of these pictures."""


def growing(browser, address):
    """PNG of the phase at three moments while the demonstration is made, side by side."""
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(1000 * PATIENCE_S)
    entries = "&".join(f"{name}={value:g}" for name, value in FOCUSED.items())
    instrument = Instrument(context.new_page(), f"{address}?{entries}")
    instrument.exact()
    page = instrument.page
    page.locator("#live > summary").click()
    page.get_by_role("button", name="Play the demonstration scan").click()
    shots = []
    for share in GROWN:
        instrument.until(
            lambda share=share: (page.locator(".live progress").evaluate("p => p.value")) >= share
        )
        if share == 1:
            instrument.exact()
        page.wait_for_timeout(1000)  # what was drawn last is of rows that came a moment ago
        shots.append(Image.open(io.BytesIO(page.locator("section.main").screenshot())))
    context.close()
    sheet = Image.new("RGB", (len(shots) * (GROWN_PX + 6) - 6, GROWN_PX), (18, 20, 23))
    for number, shot in enumerate(shots):
        shot.thumbnail((GROWN_PX, GROWN_PX), Image.Resampling.LANCZOS)
        sheet.paste(shot, (number * (GROWN_PX + 6), 0))
    made = io.BytesIO()
    sheet.save(made, "PNG")
    return made.getvalue()


def focus(instrument):
    """Have the page focus, and say what it found."""
    instrument.page.get_by_role("button", name="Focus for me").click()
    instrument.page.locator(".fit-report summary").wait_for()
    instrument.exact()


def palette(image):
    """64 greys, for images and words, and 192 colours, for the hues of the tiles."""
    pixels = np.asarray(image).reshape(1, -1, 3)
    coloured = np.ptp(pixels[0], axis=1) > GREY
    colours = Image.fromarray(pixels[:, coloured]).quantize(192, Image.Quantize.MAXCOVERAGE)
    greys = [value for grey in np.linspace(0, 255, 64).round() for value in 3 * [int(grey)]]
    made = Image.new("P", (1, 1))
    made.putpalette(greys + colours.getpalette()[: 3 * 192])
    return made


def keep(shot, path, largest=LARGEST):
    """Write a screenshot, small enough for a repository."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    image.save(path, optimize=True)
    if path.stat().st_size > largest:
        image.quantize(palette=palette(image), dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}  {image.width} × {image.height}  {path.stat().st_size / 1e3:.0f} kB")


def main():
    """Make all of them."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, if none is named")
    parser.add_argument("--folder", type=Path, default=ROOT / "assets/guide/pictures")
    parser.add_argument("--page", type=Path, help="also make the README's picture")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    path = shutil.which("chromium")
    with served(program=IDLE) as (_, ready), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        for name, query in (PAGES | TILES).items():
            if not given.names or name in given.names:
                area = "section.tiles, section.main" if name in PAGES else "section.tiles"
                shot = picture(browser, ready[0], query, area)
                keep(shot, given.folder / f"{name}.png")
        if not given.names or "growing" in given.names:
            keep(growing(browser, ready[0]), given.folder / "growing.png")
        if given.page:
            keep(picture(browser, ready[0], {}, "body", focus), given.page, LARGEST_PAGE)
        browser.close()


if __name__ == "__main__":
    main()
