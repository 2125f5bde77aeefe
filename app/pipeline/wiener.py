"""The prior of a Wiener filter, as the scan's own electrons tell of it: estimated at rest only."""

from threading import Lock

from app.pipeline.results import UNWEIGHTED, WIENER


class Weighting:
    """What the spectrum of one G's phase is expected to be.

    While a hand moves the last prior stays: the picture changes with the hand, not with what is
    expected of it.
    """

    def __init__(self, last=None):
        self._lock = Lock()
        self._made_for, self._prior, self._refusal = None, last, ""

    def of(self, engine, g, aberrations, moving: bool):
        """The prior, and what to say of it: two words, and a sentence.

        Returns
        -------
        prior : recon.ssb.prior.Prior or None
        words, sentence : str
            `PhaseImage.weighting` and `PhaseImage.prior`.
        """
        with self._lock:
            known = self._prior is not None or self._refusal
            if self._made_for != aberrations and not (moving and known):
                try:
                    self._prior, self._refusal = engine.prior(g, aberrations), ""
                except ValueError as error:
                    self._prior, self._refusal = None, str(error)
                self._made_for = aberrations
            if self._prior is None:
                return None, UNWEIGHTED, self._refusal
            return self._prior, WIENER, self._prior.statement

    def carried_over(self) -> "Weighting":
        """For another G of the same object: it begins with what was expected of this one."""
        return Weighting(self._prior)
