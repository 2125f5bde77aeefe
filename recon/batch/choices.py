"""What is asked of a reconstruction, and what is done where nothing is asked.

The defaults below are those of Python, of `livestem reconstruct` and of the page: both of them
take them from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recon.batch.contrasts import Contrasts
from recon.batch.distortions import Straightening
from recon.batch.settings import AUTO, BAND_LIMIT, USUAL_DPC, Annulus, Dpc, Region, Treatment
from recon.specimen import THIN, Specimen


@dataclass(frozen=True)
class Choices:
    """What is asked for; None leaves a value to the file, then to the default.

    Raises
    ------
    ValueError
        If a disc's centre is given without its radius, or the transpose with rotation "auto".
    """

    energy: float | None = None
    """Of the beam [eV]."""
    semiangle_cutoff: float | None = None
    """Semi-angle of the probe [mrad]."""
    scan_sampling: tuple[float, float] | None = None
    """Scan step (y, x) [Å]."""
    rotation_deg: float | str | None = None
    """Degrees, or "auto" to find rotation and transpose from the data, as where nobody says."""
    transpose: bool | None = None
    """Whether the scan's axes change places on the detector."""
    centre: tuple[float, float] | None = None
    """Of the bright-field disc, (y, x) [detector pixels]; it is fitted where nobody says."""
    radius: float | None = None
    """Of the disc [detector pixels]."""
    aberrations: Mapping[str, float] = field(default_factory=dict)
    """By name [Å]; zero where left out, even where the file has others. A microscope records the
    residual aberrations of no scan: what a file knows of them is the truth of a simulation, which
    would make any scan of one look focused by itself. The parameters say where it differs."""
    fit: bool = False
    """Whether the aberrations that are not given are fitted."""
    orders: int = 2
    """Highest order that is fitted, 1 to 5."""
    specimen: Specimen = THIN
    """Thickness, tilt and focal spread."""
    fit_specimen: bool = False
    """Whether thickness and tilt are fitted with the aberrations."""
    fit_film: bool = False
    """Whether the slope of the focus over the scan is fitted, after them."""
    fit_semiangle: bool = False
    """Whether the semi-angle is fitted with them."""
    pixels_across: int = 18
    """Binned bright-field pixels over the disc's diameter, 4 to 64."""
    mode: str = "exact"
    """One of "exact", "draft" and "sum": see `recon.ssb.phase`."""
    sideband: str = "both"
    """One of "both", "left", "right", and "full" with the triple overlap."""
    band_limit: float = BAND_LIMIT
    """Share of 2 k0 up to which frequencies are kept."""
    annulus: Annulus = field(default_factory=Annulus)
    """A virtual detector besides the usual ones."""
    dpc: Mapping[str, Any] = field(default_factory=dict)
    """What differs from `USUAL_DPC` of its method."""
    device: str = "auto"
    """One of `recon.device.backend.DEVICES`."""
    contrasts: Contrasts = field(default_factory=Contrasts)
    """What is made besides."""
    mask_faulty: bool = False
    """Whether hot and dead detector pixels are left out."""
    subpixel: int | str = AUTO
    """Pixels made of one along each axis, where the source tells places in it: 1 to 16. "auto"
    makes as many as the binned pixels can use: with a disc of few pixels the image comes nearer to
    the object, with a large one, or where no places are told, nothing is done."""
    straightening: Straightening = field(default_factory=Straightening)
    """What is done to descan, disc and rows."""
    region: Region = field(default_factory=Region)
    """The part that is used."""
    dose_share: float = 1.0
    """Share of the electrons that is kept."""
    draw: int = 0
    """Seed of what is kept."""

    def integration(self) -> Dpc:
        """How the centre of mass is integrated."""
        return replace(USUAL_DPC[self.dpc.get("method", "iterative")], **self.dpc)

    def treatment(self) -> Treatment:
        """What is to be done to the electrons."""
        how = self.straightening
        distorted = how.descan is not None or how.ellipse is not None
        return Treatment(
            mask_faulty=self.mask_faulty,
            descan=how.descan == AUTO or how.descan or False,
            round_disc=how.ellipse == AUTO or how.ellipse or False,
            shear=how.shear,
            disc=(self.centre, self.radius) if distorted and self.centre is not None else None,
            refine=self.subpixel,
            dose_share=self.dose_share,
            draw=self.draw,
        )

    def __post_init__(self):
        if (self.centre is None) != (self.radius is None):
            raise ValueError("The disc's centre and its radius go together: give both, or neither.")
        if self.rotation_deg == "auto" and self.transpose is not None:
            raise ValueError(
                "The automatic rotation finds the transpose as well: "
                "leave --transpose and --no-transpose out, or give the rotation as a number."
            )


DEFAULTS = Choices()
