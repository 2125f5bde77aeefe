"""The page's state in its URL: short keys, only what differs from the defaults.

    ?dataset=virus_4dcamera_v3.h5&energy=300&angle=1.03&step=31.25&defocus=13200&C12a=2

A link carries no path: `dataset` is a name of the catalogue. Values are taken over only if the
parameter they are meant for accepts them.
"""

from collections.abc import Mapping
from functools import cache
from math import isfinite
from urllib.parse import urlencode

import param

from app.state.experiment import Experiment
from app.state.origin import found_again
from app.words import clip

SESSION = "livestem-session:"
"""Before an address's entries in a file: whoever drops the file on the page gets them back."""

SHORT = {
    "energy_kev": "energy",
    "semiangle_mrad": "angle",
    "scan_step_y": "step_y",
    "scan_step_x": "step_x",
    "rotation_deg": "rotation",
    "auto_orientation": "auto_rotation",
    "keep_flyback": "flyback",
    "scan_rows": "rows",
    "scan_columns": "columns",
    "dwell_us": "dwell",
    "bright_field_pixels": "pixels",
    "colour_map": "colours",
    "percentile_low": "low",
    "percentile_high": "high",
    "tile_count": "tiles",
    "thickness_nm": "thickness",
    "focal_spread_nm": "focal_spread",
    "dose_percent": "dose",
    "dose_draw": "draw",
    "denoise_method": "denoise",
    "denoise_strength": "denoise_by",
    "slot_main": "main",
    "slot_left": "left",
    "slot_right": "right",
}
"""Parameters whose key in the URL is not their own name; those of
`PREFIXED` parts get the part's in front."""

PREFIXED = ("dpc", "fit")

_IGNORED = ("bokeh", "_")


def to_query(experiment: Experiment) -> dict[str, str]:
    """The state as the entries of a URL's query."""
    query = {}
    scan = experiment.scan
    found = found_again(scan.fit_disc, scan.auto_orientation)
    for key, (part, name) in parameters().items():
        state = getattr(experiment, part)
        parameter, value = state.param[name], getattr(state, name)
        if value != parameter.default and not (part == "scan" and name in found):
            query[key] = _encode(value)
    if scan.settled and not scan.auto_orientation:
        # Said even where it is 0: a scan without it would have its orientation estimated.
        query.setdefault("rotation", _encode(scan.rotation_deg))
    if "step_y" in query and query["step_y"] == query.get("step_x"):
        query["step"] = query.pop("step_y")
        del query["step_x"]
    return query


def mark(query: Mapping[str, str]) -> str:
    """The line by which a file remembers the session that it was saved in.

    Plain ASCII, so that assets/saver.js finds it in PNG, TIFF and HDF5 alike.
    """
    return f"{SESSION}?{urlencode(query)}\n"


def from_query(experiment: Experiment, query) -> list[str]:
    """Set `experiment` from a URL's query; parameters that are left out get their defaults.

    Parameters
    ----------
    query : mapping of str to str
        Decoded entries.

    Returns
    -------
    list of str
        One sentence for each entry that could not be taken over.
    """
    values, notices = read(experiment, query)
    scan = experiment.scan
    pinnable = {*scan.CALIBRATION, "auto_orientation"}
    if (
        values.get(("scan", "dataset"), default(scan, "dataset")) != scan.dataset
        or not scan.settled
    ):
        scan.pinned = frozenset(name for name in pinnable if ("scan", name) in values)
    for part, state in experiment.parts().items():
        names = [name for owner, name in parameters().values() if owner == part]
        state.param.update(**{n: values.get((part, n), default(state, n)) for n in names})
    return notices


def read(experiment: Experiment, query, whose="link", keys=None):
    """The values in a query that the parameters accept.

    Parameters
    ----------
    experiment : Experiment
        It is only asked what it accepts.
    query : mapping of str to str
    whose : str
        What the entries come from, in words.
    keys : mapping of str to (part, parameter), optional
        The entries that are known; all `parameters` by default.

    Returns
    -------
    values : dict of (part, parameter) to value
    notices : list of str
        One sentence for each entry that could not be taken over.
    """
    query, values, notices = dict(query), {}, []
    keys = parameters() if keys is None else keys
    if "step" in query:
        step = query.pop("step")
        query = {"step_y": step, "step_x": step} | query
    for key, text in query.items():
        if key not in keys:
            if not key.startswith(_IGNORED):
                notices.append(f"The {whose}'s entry “{clip(key, 40)}” is not known here.")
            continue
        part, name = keys[key]
        try:
            values[part, name] = _checked(getattr(experiment, part).param[name], str(text))
        except ValueError as error:
            notices.append(f"The {whose}'s {key}={clip(text, 40)} cannot be used: {error}.")
    return values, notices


def parameters() -> dict[str, tuple[str, str]]:
    """Key in the URL -> (part, parameter), in the order of the page."""
    keys = {}
    for part, kind in ((p, Experiment.param[p].class_) for p in Experiment.PARTS):
        for name in kind.param:
            if name != "name":
                key = f"{part}_{name}" if part in PREFIXED else SHORT.get(name, name)
                keys[key] = (part, name)
    return keys


@cache
def keys_of(kind: type) -> dict[str, str]:
    """Parameter -> key in the URL, for the parts of an experiment that are of this class."""
    return {
        name: key
        for key, (part, name) in parameters().items()
        if Experiment.param[part].class_ is kind
    }


def default(state, name):
    """A parameter's default, in a list of its own."""
    value = state.param[name].default
    return list(value) if isinstance(value, list) else value


def _encode(value) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float | int):
        return f"{value:.12g}"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "_".join(value)
    if isinstance(value, list):
        return "_".join(f"{row}.{column}" for row, column in value)
    if isinstance(value, tuple):
        return "_".join(f"{number:.6g}" for number in value)
    return str(value)


def _checked(parameter: param.Parameter, text: str):
    """The value that `text` stands for, if `parameter` accepts it; else `ValueError`."""
    value = _decode(parameter, text)
    try:
        # Param's own validation, which knows bounds and choices.
        parameter._validate(value)
    except ValueError as error:
        bounds = getattr(parameter, "bounds", None)
        if isinstance(parameter, param.Selector):
            raise ValueError(f"choose one of {', '.join(map(str, parameter.objects))}") from error
        if bounds is not None:
            raise ValueError(f"it must lie between {bounds[0]:g} and {bounds[1]:g}") from error
        raise ValueError("its value is not allowed") from error
    return value


def _decode(parameter: param.Parameter, text: str):
    if len(text) > 500:
        raise ValueError("it is too long")
    try:
        if isinstance(parameter, param.Boolean):
            return {"1": True, "true": True, "0": False, "false": False}[text.lower()]
        if isinstance(parameter, param.Integer):
            return int(text)
        if isinstance(parameter, param.Number):
            return _finite(text)
        if isinstance(parameter, param.ListSelector):
            return text.split("_")
        if isinstance(parameter, param.Selector):
            return _chosen(parameter, text)
        if isinstance(parameter, param.List):
            pairs = [tuple(map(int, pair.split("."))) for pair in text.split("_") if pair]
            if any(len(pair) != 2 for pair in pairs):
                raise ValueError
            return pairs
        if isinstance(parameter, param.Tuple):
            return tuple(map(_finite, text.split("_")))
        if isinstance(parameter, param.Selector):
            return {str(value): value for value in parameter.objects}.get(text, text)
    except (ValueError, KeyError) as error:
        kind = "yes (1) or no (0)" if isinstance(parameter, param.Boolean) else "a number"
        if isinstance(parameter, param.List | param.Tuple):
            kind = "a row of numbers"
        raise ValueError(f"it must be {kind}") from error
    return text


def _chosen(parameter: param.Selector, text: str):
    """The one of the choices that is written so."""
    return {str(each): each for each in parameter.objects}.get(text, text)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError
    return value
