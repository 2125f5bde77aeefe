"""What the page does beside the sliders, a feature a module."""

from collections.abc import Callable

from app.features.corrections import Correcting
from app.features.dose_and_noise import NoiseCard
from app.features.feature import Feature
from app.features.focus_curve import FocusCurve
from app.features.focusing import Focusing
from app.features.frames import Frames
from app.features.health import Checking
from app.features.help import Help
from app.features.lattice import LatticeCalibration
from app.features.live import Live
from app.features.orientations import Orientations
from app.features.recall import Recall
from app.features.semiangle import Semiangle
from app.features.sharing import Sharing
from app.features.specimen import SpecimenCard
from app.features.tile_proof import TileProof

FEATURES: tuple[Callable[..., Feature], ...] = (
    Recall,
    Live,
    Checking,
    Correcting,
    LatticeCalibration,
    Semiangle,
    Focusing,
    SpecimenCard,
    Orientations,
    TileProof,
    FocusCurve,
    Frames,
    NoiseCard,
    Help,
    Sharing,
)
"""What makes each feature of a page, in the order in which results reach them."""
