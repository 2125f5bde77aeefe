"""The page in Firefox: opened, and focused by hand.

Needs Node, Firefox, and a folder in which `npm install puppeteer-core` was run: the variable
LIVESTEM_PUPPETEER names it, and LIVESTEM_FIREFOX a Firefox that is not on the path.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support.waiting import PATIENCE_S
from tests.ui.instrument import PICTURE

SCRIPT = Path(__file__).with_name("firefox.mjs")


@pytest.fixture
def needed():
    """Node, the folder of puppeteer-core, and Firefox."""
    node = shutil.which("node")
    folder = os.environ.get("LIVESTEM_PUPPETEER", "")
    firefox = os.environ.get("LIVESTEM_FIREFOX") or shutil.which("firefox-esr")
    firefox = firefox or shutil.which("firefox")
    if not node:
        pytest.skip("Firefox is left out: there is no Node")
    if not (Path(folder) / "node_modules/puppeteer-core").is_dir():
        pytest.skip("Firefox is left out: LIVESTEM_PUPPETEER names no folder with puppeteer-core")
    if not firefox:
        pytest.skip("Firefox is left out: there is none, neither firefox-esr nor LIVESTEM_FIREFOX")
    return node, folder, firefox


def test_dragging_defocus_in_firefox_changes_the_image(needed, server):
    node, folder, firefox = needed
    address = f"{server}?dataset=lattice.npz"
    done = subprocess.run(
        [node, SCRIPT, folder, firefox, address, str(PATIENCE_S)],
        input=PICTURE,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert "firefox" in seen["version"].lower()
    assert seen["before"]["shape"] == seen["after"]["shape"] == [72, 64]
    assert float(seen["defocus"].replace("−", "-")) > 20
    assert np.mean(np.abs(np.subtract(seen["after"]["values"], seen["before"]["values"]))) > 5
    assert seen["problems"] == []
    assert seen["outside"] == []
