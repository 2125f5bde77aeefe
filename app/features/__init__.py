"""Parts of the page that each do one thing beside the sliders: a fit, a report, a comparison.

A feature takes the `Page` it belongs to, owns its views, asks for work through
`page.pipeline.aside`, and hears of every result. The page knows nothing of what it does.
"""

from collections.abc import Callable


class Feature:
    """What the page calls of a feature; each part may be left out."""

    sheets: tuple[str, ...] = ()
    """Names of the sheet's pages whose buttons are this feature's."""

    def take(self, topic: str, value) -> None:
        """Hear of a result, on the session's thread."""

    def act(self, sheet: str, key: str, action: str) -> None:
        """Do what a button of the sheet says."""

    def roots(self) -> dict:
        """Views by their names in assets/page.html."""
        return {}

    def close(self) -> None:
        """Let go of everything."""


def features() -> tuple[Callable[..., Feature], ...]:
    """What makes each feature of a page, in the order in which they hear of results."""
    from app.features.corrections import Correcting
    from app.features.dose_and_noise import NoiseCard
    from app.features.focus_curve import FocusCurve
    from app.features.focusing import Focusing
    from app.features.health import Checking
    from app.features.lattice import LatticeCalibration
    from app.features.orientations import Orientations
    from app.features.recall import Recall
    from app.features.semiangle import Semiangle
    from app.features.tile_proof import TileProof

    checks = Checking, Correcting, LatticeCalibration
    return Recall, *checks, Semiangle, Focusing, Orientations, TileProof, FocusCurve, NoiseCard
