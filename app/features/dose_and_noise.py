"""The card of dose and noise: fewer electrons, weights, denoising, and how contrasts are made."""

from app.features.feature import Feature
from app.pipeline.results import short_count
from app.views.controls import Controls, spec
from app.views.text import Text

PLAIN = "Off: plain least squares, each frequency as measured."

NOT_COUNTED = (
    "The frames hold no electrons one by one that could be left out: "
    "count them first (livestem count)."
)


class NoiseCard(Feature):
    """Controls of the dose and of what is done about noise."""

    def __init__(self, page):
        super().__init__(page)
        self.treatment, self.noise = page.experiment.treatment, page.experiment.noise
        self.dose = Controls.of(
            self.treatment,
            ["dose_percent", "dose_draw"],
            {
                "dose_percent": {"log": True, "label": "Dose", "step": 1},
                "dose_draw": {"kind": "entry"},
            },
        )
        self.dose.hidden = ["dose_draw"]
        self.counted = Text(css_classes=["below"])
        self.wiener = Controls.of(self.noise, ["wiener"])
        self.prior = Text(PLAIN, css_classes=["below"])
        self.others = Controls(
            [
                _heading("Of the contrast “SSB phase, denoised”"),
                spec(self.noise, "denoise_method") | {"kind": "choice", "label": "Method"},
                spec(self.noise, "denoise_strength") | {"label": "Strength"},
                _heading("Of the tilt-corrected bright field"),
                spec(self.noise, "upsampling"),
            ]
        )
        self.others.bind(self.noise, ["denoise_method", "denoise_strength", "upsampling"])
        self._ties.tie(self.treatment, self._count, "dose_percent")
        self._ties.tie(self.noise, self._plain, "wiener")
        self._count()
        self._ties.show(page.pipeline.preparing.param.scan, self._say_electrons)
        self._ties.show(page.pipeline.drawing.param.phase, self._say_prior)

    def _say_electrons(self, summary) -> None:
        self.dose.disabled = ["dose_percent", "dose_draw"] if summary.electrons is None else []
        self._count()

    def _say_prior(self, phase) -> None:
        if self.noise.wiener and getattr(phase, "prior", ""):
            self.prior.say(phase.prior)

    def _count(self, *events) -> None:
        # Said at once, before the electrons are drawn: what is expected of the new share.
        summary = self.page.pipeline.preparing.scan
        share = self.treatment.dose_percent / 100
        self.dose.hidden = ["dose_draw"] if share >= 1 else []
        if summary is None:
            return self.counted.say("")
        if summary.electrons is None:
            return self.counted.say(NOT_COUNTED)
        times = share / summary.dose_share
        words = [f"{short_count(round(times * summary.electrons))} electrons"]
        if summary.dose is not None:
            words.insert(0, f"{_rounded(times * summary.dose)} e/Å²")
        return self.counted.say(" · ".join(words))

    def _plain(self, *events) -> None:
        self.prior.say("Estimating the spectrum …" if self.noise.wiener else PLAIN)

    def roots(self) -> dict:
        """The parts by their names in assets/page.html."""
        return {
            "dose": self.dose,
            "dose_counted": self.counted,
            "wiener": self.wiener,
            "prior": self.prior,
            "noise": self.others,
        }

    def close(self) -> None:
        """End the ties to the state."""
        super().close()
        for group in (self.dose, self.wiener, self.others):
            group.close()


def _heading(words: str) -> dict:
    return {"name": words, "kind": "heading", "label": words}


def _rounded(dose: float) -> str:
    """A dose in three digits, without a power of ten where it is readable without."""
    return f"{dose:.3g}" if dose < 1000 else f"{float(f'{dose:.3g}'):,.0f}".replace(",", "\u202f")
