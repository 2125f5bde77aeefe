"""What is done to the electrons before anything is summed, as the user sets it."""

import param

from app.state.request import Treatment
from recon.batch.choices import DEFAULTS
from recon.batch.settings import AUTO


class TreatmentState(param.Parameterized):
    """Faults masked, distortions taken out, dose lowered."""

    mask_faulty = param.Boolean(
        DEFAULTS.mask_faulty,
        label="Leave out faulty pixels",
        doc="Leaves hot and dead detector pixels out of every sum.",
    )
    descan = param.Boolean(
        False,
        label="Remove descan",
        doc="Keeps the disc in place over the scan, electron by electron.",
    )
    round_disc = param.Boolean(
        False,
        label="Make the disc round",
        doc="An elliptical pattern is stretched, about the disc's centre, electron by electron.",
    )
    shear = param.Number(
        DEFAULTS.straightening.shear,
        bounds=(-0.5, 0.5),
        softbounds=(-0.1, 0.1),
        step=0.001,
        label="Shear of the rows (steps)",
        doc="Steps along x by which each row lies further right than the one above: axes that are "
        "not orthogonal, or drift. Drift along y is a matter of the scan step.",
    )
    subpixel = param.Selector(
        default=DEFAULTS.subpixel,
        objects=[AUTO, 1, 2, 4, 8, 16],
        label="Places within a pixel",
        doc="Makes the detector finer, where the file holds electron positions within a pixel; "
        "auto: as far as the pixels across the disc can use it.",
    )
    dose_percent = param.Number(
        100 * DEFAULTS.dose_share,
        bounds=(0.001, 100),
        softbounds=(0.1, 100),
        step=0.1,
        label="Dose (%)",
        doc="Leaves out electrons at random: the scan as if recorded at a lower dose.",
    )
    dose_draw = param.Integer(
        0, bounds=(0, 10**6), label="Draw", doc="A different number draws different electrons."
    )

    def value(self, disc=None) -> Treatment:
        """The same as a part of a request; `disc` is its centre and radius, if entered by hand."""
        share = self.dose_percent / 100
        measured = self.descan or self.round_disc
        return Treatment(
            mask_faulty=self.mask_faulty,
            descan=self.descan,
            round_disc=self.round_disc,
            shear=self.shear,
            # What nothing is measured by must make nothing stale.
            disc=disc if measured else None,
            refine=self.subpixel,
            dose_share=share,
            # What is not drawn from must make nothing stale.
            draw=self.dose_draw if share < 1 else 0,
        )
