"""What a fit of the aberrations may change."""

import param

from recon.optics import COEFFICIENTS


class FitState(param.Parameterized):
    """How the page focuses by itself."""

    orders = param.Selector(
        default=2,
        objects=[1, 2, 3, 5],
        label="To order",
        doc="Aberrations up to this order are fitted; those that the scan leaves open stay.",
    )
    rotation = param.Boolean(
        False, label="Rotation too", doc="Refine the scan's rotation together with them."
    )
    on_opening = param.Boolean(
        False,
        label="Every scan I open",
        doc="Focus by itself as soon as a scan is there, unless its link says the aberrations.",
    )
    locked = param.ListSelector(
        default=[],
        objects=list(COEFFICIENTS),
        label="Locked coefficients",
        doc="A fit leaves them as they are.",
    )
