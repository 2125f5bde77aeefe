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

from recon.simulate.demo import ABERRATIONS, ROTATION_DEG, demo_events
from tests.studies.latency import FLAGS
from tests.support.cameras import camera
from tests.support.paths import ROOT
from tests.support.ports import free_port
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


GROWN = 130, 310, 512
"""Rows of the demonstration at which it is looked at while it grows."""

GROWN_PX = 330, 6
"""Width of each of these pictures, and what is between them."""


def growing(browser):
    """PNG of the phase at three moments while the demonstration is made, side by side."""
    port, scan = free_port(), demo_events()
    where = "--live", f"accos:tcp://listen@127.0.0.1:{port}"
    known = {name: scan.metadata[name] for name in ("energy", "semiangle_cutoff", "scan_sampling")}
    told = {
        "energy": known["energy"] / 1e3,
        "angle": known["semiangle_cutoff"],
        "step": known["scan_sampling"][0],
    }
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(1000 * PATIENCE_S)
    entries = "&".join(f"{name}={value:g}" for name, value in (told | FOCUSED).items())
    with (
        served(*where, program=IDLE) as (_, ready),
        camera(scan, f"tcp://127.0.0.1:{port}") as far,
    ):
        page = Instrument(context.new_page(), f"{ready[0]}?{entries}")
        page.exact()
        shots = [_grown(page, far, rows, scan.scan_shape[0]) for rows in GROWN]
        context.close()
    width, gap = GROWN_PX
    for shot in shots:
        shot.thumbnail((width, width), Image.Resampling.LANCZOS)
    size = len(shots) * (width + gap) - gap, max(shot.height for shot in shots)
    sheet = Image.new("RGB", size, (18, 20, 23))
    for number, shot in enumerate(shots):
        sheet.paste(shot, (number * (width + gap), 0))
    made = io.BytesIO()
    sheet.save(made, "PNG")
    return made.getvalue()


def _grown(page, far, rows, of):
    far(rows + (rows == of))
    wanted = "exact" if rows == of else f"exact · {rows} of {of} rows"
    page.until(lambda: page.words("main .mode") == wanted)
    page.page.wait_for_timeout(300)  # the words come before the picture is painted
    section = page.page.locator("section.main").bounding_box()
    plot = page.page.locator("section.main canvas").first.bounding_box()
    bottom = plot["y"] + plot["height"]
    area = {**section, "height": min(section["height"], bottom - section["y"])}
    return Image.open(io.BytesIO(page.page.screenshot(clip=area)))


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
            keep(growing(browser), given.folder / "growing.png")
        if given.page:
            keep(picture(browser, ready[0], {}, "body", focus), given.page, LARGEST_PAGE)
        browser.close()


if __name__ == "__main__":
    main()
