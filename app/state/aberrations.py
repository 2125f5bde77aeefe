"""The aberrations of the probe as a microscopist dials them."""

from math import atan2, cos, degrees, floor, hypot, log10, radians, sin

import param

from recon.optics import TERMS, Aberrations, Term

UNITS = {1: ("nm", 10.0), 2: ("nm", 10.0), 3: ("µm", 1e4), 4: ("µm", 1e4), 5: ("mm", 1e7)}
"""Unit of an aberration of radial order n as shown, and how many Å it is."""

_RANGES = {1: (100.0, 0.5), 2: (2000.0, 5.0), 3: (100.0, 0.5), 4: (2000.0, 10.0), 5: (100.0, 0.5)}
"""Reach of the slider to either side, and its step, for each radial order [unit of UNITS]."""

_FARTHEST = 1e6
"""Largest defocus [nm]."""

_LIMIT = 1e9
"""Largest coefficient that may be set, in its unit: at 1 mrad a coma of millimetres is small."""

_NAMES = {
    "C12": "Two-fold astigmatism",
    "C21": "Axial coma",
    "C23": "Three-fold astigmatism",
    "C30": "Spherical aberration",
    "C32": "Star aberration",
    "C34": "Four-fold astigmatism",
    "C41": "Fourth-order axial coma",
    "C43": "Three-lobe aberration",
    "C45": "Five-fold astigmatism",
    "C50": "Fifth-order spherical aberration",
    "C52": "Fifth-order star aberration",
    "C54": "Rosette aberration",
    "C56": "Six-fold astigmatism",
}


DEPTHS = 15
"""Reach of the defocus slider in depths of focus, wavelength / semi-angle²."""

WAVES = 2
"""Reach of the other sliders in waves at the rim of the aperture."""

STEPS = 200
"""Steps from a slider's middle to either end."""


def rounded(value: float) -> float:
    """A positive value made 1, 2 or 5 times a power of ten, hardly ever smaller."""
    power = 10.0 ** floor(log10(value))
    found = next(m * power for m in (1, 2, 5, 10) if m * power >= 0.95 * value)
    return float(f"{found:.6g}")


def reaches(wavelength: float, semiangle_cutoff: float) -> dict[str, tuple[float, float]]:
    """Reach to either side and step of each slider, in the coefficient's unit.

    What a nanometre does depends on the aperture: at 25 mrad ten of them are out of focus, at
    1 mrad ten thousand. The reach is what moves the phase at the rim by a fixed number of waves,
    chi = 2π C α^(n+1) / ((n+1) λ), rounded to 1, 2 or 5.
    `wavelength` is in Å, `semiangle_cutoff` in mrad.
    """
    angle = 1e-3 * semiangle_cutoff
    found = {}
    for term in TERMS:
        waves = DEPTHS / 2 if term.name == "C10" else WAVES
        reach = waves * wavelength * (term.n + 1) / angle ** (term.n + 1) / UNITS[term.n][1]
        names = ("defocus",) if term.name == "C10" else term.coefficients
        reach = min(rounded(reach), _FARTHEST if term.name == "C10" else _LIMIT)
        found |= dict.fromkeys(names, (reach, float(f"{reach / STEPS:.6g}")))
    return found


class AberrationState(param.Parameterized):
    """Residual aberrations of the probe, as the microscopist dials them.

    `defocus` [nm] stands for C10 = -10 defocus [Å]; the other 24 parameters have the names of
    `recon.optics.COEFFICIENTS` and the units of `UNITS`.
    """

    defocus = param.Number(
        0.0,
        bounds=(-_FARTHEST, _FARTHEST),
        softbounds=(-500, 500),
        step=0.5,
        label="Defocus (nm)",
        doc="Positive for underfocus: C10 = -defocus.",
    )

    @classmethod
    def names(cls, order: int | None = None) -> tuple[str, ...]:
        """Parameter names of one radial order, or of all; defocus first."""
        return tuple(
            "defocus" if name == "C10" else name
            for term in TERMS
            if order in (None, term.n)
            for name in term.coefficients
        )

    @staticmethod
    def unit(name: str) -> tuple[str, float]:
        """Unit of a coefficient as shown, and how many Å it is."""
        return UNITS[1 if name == "defocus" else int(name[1])]

    def value(self) -> Aberrations:
        """The same aberrations in ångström."""
        # Read at every move of a slider. Adding 0.0 turns -0.0 into 0.0.
        values = [getattr(self, name) * scale + 0.0 for name, scale in _SCALES]
        return Aberrations(*values)

    def set_from(self, aberrations: Aberrations) -> None:
        """Take over coefficients in Å; those beyond the hard bounds are clipped to them."""
        values = {}
        for name in self.names():
            given = -aberrations.C10 if name == "defocus" else getattr(aberrations, name)
            # Twelve digits hide the rounding of the change of unit.
            shown = float(f"{given / self.unit(name)[1]:.12g}") + 0.0
            low, high = self.param[name].bounds
            values[name] = min(max(shown, low), high)
        self.param.update(**values)

    def reset(self, order: int | None = None) -> None:
        """Set the coefficients of one radial order, or all, to zero."""
        self.param.update(**dict.fromkeys(self.names(order), 0.0))

    def polar(self, term: str) -> tuple[float, float]:
        """Magnitude [unit of the term] and azimuth [°] of a term such as "C12".

        Terms without azimuth give their signed value and 0; "C10" gives the defocus.
        """
        names = self._parts(term)
        parts = [getattr(self, name) for name in names]
        if len(parts) == 1:
            return parts[0], 0.0
        return hypot(*parts), degrees(atan2(parts[1], parts[0])) / int(term[2])

    def set_polar(self, term: str, magnitude: float, azimuth_deg: float = 0.0) -> None:
        """Set a term such as "C12" by magnitude [its unit] and azimuth [°]."""
        names = self._parts(term)
        if len(names) == 1:
            self.param.update(**{names[0]: magnitude})
            return
        angle = int(term[2]) * radians(azimuth_deg)
        a, b = magnitude * cos(angle), magnitude * sin(angle)
        self.param.update(**{names[0]: a, names[1]: b})

    @staticmethod
    def _parts(term: str) -> tuple[str, ...]:
        if term == "C10":
            return ("defocus",)
        return next(t.coefficients for t in TERMS if t.name == term)


def _add_coefficients(term: Term) -> None:
    """Give `AberrationState` a parameter for each Cartesian coefficient of `term`."""
    unit, _ = UNITS[term.n]
    reach, step = _RANGES[term.n]
    for name in term.coefficients:
        AberrationState.param.add_parameter(
            name,
            param.Number(
                0.0,
                bounds=(-_LIMIT, _LIMIT),
                softbounds=(-reach, reach),
                step=step,
                label=f"{_NAMES[term.name]} {name} ({unit})",
                doc=f"Order {term.n}, {term.m}-fold; in the detector's frame.",
            ),
        )


for _term in TERMS[1:]:
    _add_coefficients(_term)

# In the order of `recon.optics.COEFFICIENTS`, C10 first.
_SCALES = tuple(
    (name, -10.0 if name == "defocus" else AberrationState.unit(name)[1])
    for name in AberrationState.names()
)
