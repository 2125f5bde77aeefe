"""The session that a file of results speaks of: from its `parameters` to what the page sets."""

from collections.abc import Mapping
from typing import Any

from app.state.experiment import Experiment
from app.state.link import to_query
from recon.optics import Aberrations
from recon.specimen import Specimen


def session_of(parameters: Mapping[str, Any], dataset: str) -> dict[str, str]:
    """The entries of an address that opens a scan as it was reconstructed.

    Parameters
    ----------
    parameters : mapping
        Of `recon.batch.parameters`.
    dataset : str
        The scan's name where livestem serves it.
    """
    experiment = Experiment()
    calibration = parameters["calibration"]
    step_y, step_x = calibration["scan_sampling"]
    experiment.scan.param.update(
        dataset=dataset,
        energy_kev=calibration["energy"] / 1e3,
        semiangle_mrad=calibration["semiangle_cutoff"],
        scan_step_y=step_y,
        scan_step_x=step_x,
        auto_orientation=False,
        rotation_deg=calibration["rotation_deg"],
        transpose=calibration["transpose"],
    )
    experiment.scan.settled = True
    experiment.aberrations.set_from(Aberrations(**parameters["aberrations"]))
    experiment.specimen.set_from(Specimen(**parameters.get("specimen", {})))
    detector = ("bright_field_pixels", "sideband", "band_limit")
    experiment.detector.param.update(**{n: parameters[n] for n in detector if n in parameters})
    experiment.treatment.mask_faulty = parameters.get("treatment", {}).get("mask_faulty", False)
    experiment.dpc.param.update(**parameters.get("dpc", {}))
    return to_query(experiment)
