"""Aberrations as size and angle, as a microscopist reads them off a corrector."""

from app.state.aberrations import AberrationState
from app.views.component import finite
from app.views.controls import Controls, spec
from recon.optics import TERMS

SHORT = {
    "C12": "Astigmatism",
    "C21": "Coma",
    "C23": "Three-fold",
    "C30": "Spherical",
    "C32": "Star",
    "C34": "Four-fold",
    "C41": "Coma",
    "C43": "Three-lobe",
    "C45": "Five-fold",
    "C50": "Spherical",
    "C52": "Star",
    "C54": "Rosette",
    "C56": "Six-fold",
}
"""What a term is called where there is little room."""


class PolarControls(Controls):
    """Size and angle of the aberrations of one radial order, tied to their Cartesian values."""

    _following = False

    @classmethod
    def of_order(cls, state: AberrationState, order: int, **params):
        """Controls of the terms of `order` that have an azimuth, and of those that have none."""
        terms = [t for t in TERMS if t.n == order and t.name != "C10"]
        specs = []
        for term in terms:
            size = spec(state, term.coefficients[0]) | {
                "name": term.name,
                "label": SHORT[term.name],
            }
            if term.m:
                angle = 180 / term.m
                specs += [
                    size | {"label": f"{SHORT[term.name]} {term.name}", "start": 0, "low": 0},
                    {
                        "name": f"phi{term.n}{term.m}",
                        "kind": "number",
                        "label": f"Angle φ{term.n}{term.m}",
                        "doc": "Azimuth in the detector's frame.",
                        "unit": "°",
                        "start": -angle,
                        "end": angle,
                        "low": -360,
                        "high": 360,
                        "step": 0.5,
                        "reset": 0.0,
                    },
                ]
            else:
                specs.append(size | {"label": f"{SHORT[term.name]} {term.name}"})
        controls = cls(specs, **params)
        controls._tie(state, terms)
        return controls

    def parameters(self):
        """Name of each control -> the state that it sets, and which of its parameters."""
        names = {term.name: term.coefficients for term in self._terms}
        names |= {f"phi{term.n}{term.m}": term.coefficients for term in self._terms if term.m}
        return {name: (self._aberrations, tuple(each)) for name, each in names.items()}

    def _tie(self, state, terms):
        self._aberrations, self._terms = state, terms
        names = [name for term in terms for name in term.coefficients]
        self._ties.tie(state, self._read, *names)
        self._read()

    def _read(self, *events):
        values = dict(self.values)
        for term in self._terms:
            size, angle = self._aberrations.polar(term.name)
            values[term.name] = _rounded(size)
            # The angle of nothing is kept, so that a size can be dialled up along it.
            phi = f"phi{term.n}{term.m}"
            if term.m and (size or finite(values.get(phi)) is None):
                values[phi] = _rounded(angle)
        if values != self.values:
            self._following = True
            try:
                self.values = values
            finally:
                self._following = False

    def _to_state(self, event):
        if self._following:  # rounded, and not to be set
            return
        moved = self._moved(event)
        for term in getattr(self, "_terms", ()):
            phi = f"phi{term.n}{term.m}"
            if moved is not None and not moved & {term.name, phi}:
                continue
            if any(event.old.get(n) != event.new.get(n) for n in (term.name, phi)):
                size = finite(event.new.get(term.name))
                angle = finite(event.new.get(phi, 0.0))
                if None in (size, angle):
                    self._read()
                    continue
                old_size, old_angle = self._aberrations.polar(term.name)
                near = abs(size - old_size) < 1e-6 and abs(angle - old_angle) < 1e-6
                if not near:
                    try:
                        self._aberrations.set_polar(term.name, size, angle)
                    except ValueError:  # beyond what it may be
                        self._read()
        if moved is not None:
            self._read()  # what was not moved may be older than what others have set


def _rounded(value: float) -> float:
    return float(f"{value:.6g}") + 0.0
