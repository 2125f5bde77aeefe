"""The prior of a Wiener filter, as the scan's own electrons tell of it: estimated at rest only."""

from dataclasses import dataclass

from app.pipeline.results import UNWEIGHTED, WIENER
from recon.optics import Aberrations
from recon.specimen import THIN, Specimen


@dataclass(frozen=True, eq=False)
class Expected:
    """What one estimate has told; it stays as it is."""

    made_for: tuple[Aberrations, Specimen] | None = None
    prior: object | None = None
    """A `recon.ssb.prior.Prior`, None where there is none."""
    refusal: str = ""
    """Why there is none, in a sentence."""


class Weighting:
    """What the spectrum of one G's phase is expected to be.

    While a hand moves the last prior stays: the picture changes with the hand, not with what is
    expected of it. Lanes share it, and wait for none of each other's estimates.
    """

    def __init__(self, last=None):
        self._expected = Expected(prior=last)

    def of(self, engine, g, aberrations, moving: bool, specimen: Specimen = THIN):
        """The prior, and what to say of it: two words, and a sentence.

        Returns
        -------
        prior : recon.ssb.prior.Prior or None
        words, sentence : str
            `PhaseImage.weighting` and `PhaseImage.prior`.
        """
        now = self._expected
        known = now.prior is not None or now.refusal
        asked = aberrations, specimen
        if now.made_for != asked and not (moving and known):
            try:
                now = Expected(asked, engine.prior(g, aberrations))
            except ValueError as error:
                now = Expected(asked, None, str(error))
            self._expected = now
        if now.prior is None:
            return None, UNWEIGHTED, now.refusal
        return now.prior, WIENER, now.prior.statement

    def carried_over(self) -> "Weighting":
        """For another G of the same object: it begins with what was expected of this one."""
        return Weighting(self._expected.prior)
