"""What follows from a change of the state by the user's hand, and from another scan."""

from app.state import question
from app.state.experiment import Experiment
from app.state.origin import ORIENTATION


def forget_region(experiment: Experiment) -> None:
    """Show all of another scan, as it is.

    Margins, zoom, picked frequencies and what was done to its electrons were those of the last.
    """
    for state, names in (
        (experiment.scan, [name for name in experiment.scan.param if name.startswith("crop_")]),
        (experiment.detector, [n for n in experiment.detector.param if n.startswith("detector_")]),
    ):
        state.param.update(**dict.fromkeys(names, 0))
    treatment = experiment.treatment
    names = [name for name in treatment.param if name != "name"]
    treatment.param.update(**{name: treatment.param[name].default for name in names})
    experiment.display.param.update(frequencies=[], view=None)


def react(experiment: Experiment, events) -> None:
    """Change what follows from the user's changes: Param `events` of one of the state's parts.

    A rotation entered by hand ends the search for it; another scan has questions of its own. When
    only the method of DPC changes, the usual regularisation of the new one takes the place of that
    of the old one.
    """
    changed = {event.name: event.old for event in events}
    state, dpc = events[0].obj, experiment.dpc
    if state is experiment.scan:
        if set(changed).intersection(ORIENTATION) and "auto_orientation" not in changed:
            state.auto_orientation = False
        elif set(changed) == {"dataset"}:
            question.forget(state)
    elif state is dpc and set(changed) == {"method"}:
        usual = dpc.USUAL[changed["method"]]
        if all(getattr(dpc, name) == value for name, value in usual.items()):
            dpc.param.update(**dpc.USUAL[dpc.method])
