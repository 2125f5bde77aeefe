"""What the user sets of the integration of the centre of mass."""

import param

from recon.batch.choices import DEFAULTS
from recon.batch.settings import USUAL_DPC

DPC = DEFAULTS.integration()


class DpcState(param.Parameterized):
    """Regularisation of the phase from the centre of mass."""

    method = param.Selector(
        default=DPC.method, objects=["iterative", "direct"], label="Integration"
    )
    highpass = param.Number(
        DPC.highpass,
        bounds=(0, 100),
        softbounds=(0, 0.02),
        step=1e-4,
        label="High-pass λ₁ (1/step²)",
        doc="Damps low spatial frequencies, in cycles per scan step.",
    )
    lowpass = param.Number(
        DPC.lowpass,
        bounds=(0, 1e5),
        softbounds=(0, 500),
        step=1,
        label="Low-pass λ₂ (step²)",
        doc="Damps high spatial frequencies.",
    )
    step = param.Number(
        DPC.step,
        bounds=(0.01, 2),
        softbounds=(0.05, 1),
        step=0.05,
        label="Step of an iteration",
    )
    iterations = param.Integer(
        DPC.iterations,
        bounds=(1, 2000),
        softbounds=(1, 100),
        label="Iterations",
        doc="Also a high-pass.",
    )
    USUAL = {  # noqa: RUF012 - Param does not touch it
        method: {"highpass": usual.highpass, "lowpass": usual.lowpass}
        for method, usual in USUAL_DPC.items()
    }
    """Regularisation that suits each method, where the user has not set another."""

    padding = param.Number(
        DPC.padding,
        bounds=(1, 4),
        step=0.5,
        label="Padding",
        doc="Of the scan, along each axis.",
    )
