"""All that is made where something shows it: the marked functions of these modules, by result."""

from app.pipeline import beside, noise, proof
from app.pipeline.on_show import EXTRAS, WITH_PHASE

MODULES = beside, noise, proof

__all__ = ["EXTRAS", "MODULES", "WITH_PHASE"]
