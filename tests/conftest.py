"""What the tests share."""

import os
from pathlib import Path

import pytest

try:
    from hypothesis import settings
except ImportError:  # on a machine that has what `recon` needs and no more
    pass
else:
    # The first example of a test may wait for a kernel to be compiled; each launches all cores.
    settings.register_profile("livestem", deadline=None, max_examples=40)
    settings.load_profile("livestem")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real scans and format samples; tests that want it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LIVESTEM_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no sample data in {folder.name}: set LIVESTEM_TEST_DATA")
    return folder
