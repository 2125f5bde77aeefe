"""Thickness and tilt of the specimen, and the focal spread, as the microscopist knows them."""

import param

from recon.specimen import STEEPEST, STEEPEST_FILM, THICKEST, THIN, Specimen


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

    film_y = param.Number(
        0.0,
        bounds=(-STEEPEST_FILM, STEEPEST_FILM),
        softbounds=(-200, 200),
        step=0.1,
        label="Film y (mrad)",
        doc="Slope of C10 along the scan's rows where the film is tilted as a whole; each picture "
        "then blends several, and takes as much longer. The defocus is that of the middle.",
    )
    film_x = param.Number(
        0.0,
        bounds=(-STEEPEST_FILM, STEEPEST_FILM),
        softbounds=(-200, 200),
        step=0.1,
        label="Film x (mrad)",
        doc="The same along its columns.",
    )

    def value(self) -> Specimen:
        """The same in ångström and milliradian."""
        tilt, film = (self.tilt_y, self.tilt_x), (self.film_y, self.film_x)
        return Specimen(10 * self.thickness_nm, tilt, 10 * self.focal_spread_nm, film)

    def set_from(self, specimen: Specimen) -> None:
        """Take over a specimen."""
        # Twelve digits hide the rounding of the change of unit.
        thickness, spread = (
            float(f"{length / 10:.12g}") for length in (specimen.thickness, specimen.focal_spread)
        )
        (tilt_y, tilt_x), (film_y, film_x) = specimen.tilt, specimen.film
        self.param.update(
            thickness_nm=thickness,
            tilt_y=tilt_y,
            tilt_x=tilt_x,
            focal_spread_nm=spread,
            film_y=film_y,
            film_x=film_x,
        )

    def reset(self) -> None:
        """Take the specimen for thin and level."""
        self.set_from(THIN)
