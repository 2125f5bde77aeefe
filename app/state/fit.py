"""What a fit of the aberrations may change."""

import param

from recon.batch.choices import DEFAULTS
from recon.optics import COEFFICIENTS


class FitState(param.Parameterized):
    """How the page focuses by itself."""

    orders = param.Selector(
        default=DEFAULTS.orders,
        objects=[1, 2, 3, 5],
        label="To order",
        doc="Fits aberrations up to this order; those the scan does not determine stay as set.",
    )
    rotation = param.Boolean(
        False, label="Rotation too", doc="Refines the scan rotation along with them."
    )
    specimen = param.Boolean(
        False,
        label="Thickness and tilt too",
        doc="Fits the specimen's thickness and tilt in turn with the aberrations.",
    )
    on_opening = param.Boolean(
        False,
        label="Every scan I open",
        doc="Focuses each scan as soon as it is open, unless the link sets the aberrations.",
    )
    locked = param.ListSelector(
        default=[],
        objects=list(COEFFICIENTS),
        label="Locked coefficients",
        doc="A fit leaves them as they are.",
    )
