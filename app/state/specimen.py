"""Thickness and tilt of the specimen, and the focal spread, as the microscopist knows them."""

import param

from recon.specimen import STEEPEST, THICKEST, Specimen


class SpecimenState(param.Parameterized):
    """What the weights of a thick specimen are computed from; all of them 0 for a thin one."""

    thickness_nm = param.Number(
        0.0,
        bounds=(0, THICKEST / 10),
        softbounds=(0, 50),
        step=0.1,
        label="Thickness (nm)",
        doc="0 takes the specimen for thin. The defocus then is that of its middle plane.",
    )
    tilt_y = param.Number(
        0.0,
        bounds=(-STEEPEST, STEEPEST),
        softbounds=(-20, 20),
        step=0.1,
        label="Tilt y (mrad)",
        doc="Of the columns against the beam, along the scan's rows; needs a thickness.",
    )
    tilt_x = param.Number(
        0.0,
        bounds=(-STEEPEST, STEEPEST),
        softbounds=(-20, 20),
        step=0.1,
        label="Tilt x (mrad)",
        doc="The same along its columns.",
    )
    focal_spread_nm = param.Number(
        0.0,
        bounds=(0, THICKEST / 10),
        softbounds=(0, 20),
        step=0.1,
        label="Focal spread (nm)",
        doc="1/e half width of the defocus, by the spread of the beam's energy.",
    )

    def value(self) -> Specimen:
        """The same in ångström and milliradian."""
        tilt = self.tilt_y, self.tilt_x
        return Specimen(10 * self.thickness_nm, tilt, 10 * self.focal_spread_nm)

    def set_from(self, specimen: Specimen) -> None:
        """Take over a specimen."""
        # Twelve digits hide the rounding of the change of unit.
        thickness, spread = (
            float(f"{length / 10:.12g}") for length in (specimen.thickness, specimen.focal_spread)
        )
        tilt_y, tilt_x = specimen.tilt
        self.param.update(
            thickness_nm=thickness, tilt_y=tilt_y, tilt_x=tilt_x, focal_spread_nm=spread
        )

    def reset(self) -> None:
        """Take the specimen for thin."""
        self.param.update(thickness_nm=0.0, tilt_y=0.0, tilt_x=0.0, focal_spread_nm=0.0)
