"""What is made of a G each time that an aberration changes, so that nothing of it is remembered."""

import numpy as np

from app.engine.placement import Placement
from app.state.request import TileChoice
from recon.optics import Aberrations


class Redraws:
    """Images of a G, on the device that holds it."""

    placed: Placement

    def phase(
        self, g, aberrations: Aberrations, mode: str, sideband: str, band_limit=1.0, prior=None
    ) -> np.ndarray:
        """(Sy, Sx) float32 phase [rad]."""
        from recon.ssb.phase import single_sideband

        how = aberrations, mode, sideband, band_limit, prior
        return self.placed.redraw(g, lambda: single_sideband(g, *how))

    def prior(self, g, aberrations: Aberrations):
        """The `recon.ssb.prior.Prior` under which the phase is likeliest."""
        from recon.ssb.prior_fit import estimate_prior

        return self.placed.redraw(g, lambda: estimate_prior(g, aberrations))

    def optimum_bright_field(self, g, aberrations: Aberrations, sideband: str, band_limit=1.0):
        """(Sy, Sx) float32 image of even noise, in units of the noise."""
        from recon.ssb.optimum import optimum_bright_field

        how = aberrations, sideband, band_limit
        return self.placed.redraw(g, lambda: optimum_bright_field(g, *how))

    def transmission(
        self, g, aberrations: Aberrations, mode: str, sideband: str, band_limit: float = 1.0
    ) -> np.ndarray:
        """(Sy, Sx) complex64 transmission of the object."""
        from recon.ssb.phase import object_transmission

        how = aberrations, mode, sideband, band_limit
        return self.placed.redraw(g, lambda: object_transmission(g, *how))

    def frequencies(self, g, choice: TileChoice) -> np.ndarray:
        """(n, 2) int (row, column) of the tiles' object frequencies from DC.

        Picked ones that the scan does not have are left out; without any, the strongest.
        """
        from recon.ssb.tiles import strongest_frequencies

        chosen = choice.within(g.scan_shape)
        if not chosen:
            chosen = self.placed.redraw(g, lambda: strongest_frequencies(g, choice.count))
        return np.asarray(chosen, dtype=int)

    def tiles(self, g, aberrations: Aberrations, frequencies: np.ndarray) -> np.ndarray:
        """(n, By, Bx) complex64 conj(gamma) G."""
        from recon.ssb.tiles import gfunction_tiles

        return self.placed.redraw(g, lambda: gfunction_tiles(g, aberrations, frequencies))

    def spectrum(self, g) -> np.ndarray:
        """(Sy, Sx) float32 signal power, DC in the middle."""
        from recon.ssb.tiles import power_spectrum

        return self.placed.redraw(g, lambda: power_spectrum(g))
