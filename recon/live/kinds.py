"""Cameras whose streams are known, by the names that a person types."""

from collections.abc import Callable
from pathlib import Path

from recon.io.events import scan_timing
from recon.live.addresses import address
from recon.live.replay import Sender
from recon.live.source import LiveError, LiveSource


def _interactem(rest, **told):
    from recon.live.sources.interactem import InteractEm  # only what is asked for is imported

    return InteractEm(address(rest), **told)


def _accos(rest, **told):
    from recon.live.line import Line  # as above
    from recon.live.sources.in_order import InOrder
    from recon.live.wire.accos import AccosDecoder

    return InOrder(Line(address(rest)), AccosDecoder, **told)


def _send_accos(where, stop, dwell):
    from recon.live.senders.over_tcp import OverTcp  # as above
    from recon.live.wire.accos import AccosWords

    return OverTcp(where, stop, AccosWords())


def _merlin(rest, scan_shape=None, **told):
    from recon.live.line import Line  # as above
    from recon.live.sources.in_order import InOrder
    from recon.live.wire.merlin import MerlinDecoder

    return InOrder(Line(address(rest)), lambda: MerlinDecoder(scan_shape), **told)


def _send_merlin(where, stop, dwell):
    from recon.live.senders.over_tcp import OverTcp  # as above
    from recon.live.wire.merlin import MerlinWords

    return OverTcp(where, stop, MerlinWords())


def _serval(rest, **told):
    from recon.live.line import Line  # as above
    from recon.live.sources.serval import Serval
    from recon.live.tail import Tail

    kind, _, path = rest.partition("file:")
    line = Tail(path) if path and not kind.strip() else Line(address(rest))
    try:
        return Serval(line, **told)
    except LiveError:
        line.close()
        raise


def _dectris(rest, scan_shape=None, **told):
    from recon.live.pulled import Pulled  # as above
    from recon.live.sources.in_order import InOrder
    from recon.live.wanted import wanted
    from recon.live.wire.dectris import DectrisDecoder

    wanted("cbor2", "Dectris' stream")
    line = Pulled(address(rest), "Dectris' stream")
    return InOrder(line, lambda: DectrisDecoder(scan_shape), **told)


def _send_dectris(where, stop, dwell):
    from recon.live.senders.dectris import DectrisSender  # as above

    return DectrisSender(where, stop, dwell)


def _folder(rest, **told):
    from recon.live.sources.folder import Folder  # as above

    return Folder(Path(rest), **told)


def _send_serval(where, stop, dwell):
    from recon.live.senders.serval import ServalSender  # as above

    return ServalSender(where, stop, dwell)


def _send_interactem(where, stop, dwell):
    from recon.live.senders.interactem import InteractEmSender  # as above

    return InteractEmSender(where, stop)


TIMED = {"scan_shape", "cluster_window_ns"} | set(scan_timing.OPTIONS)
SOURCES = {
    "interactem": (_interactem, {"patience"}),
    "accos": (_accos, {"patience"}),
    "serval": (_serval, {"patience"} | TIMED),
    "merlin": (_merlin, {"patience", "scan_shape"}),
    "dectris": (_dectris, {"patience", "scan_shape"}),
    "folder": (_folder, {"quiet", "scan_shape", "keep_flyback", *scan_timing.OPTIONS}),
}
"""Of each kind, how it is opened and what it can be told."""
SENDERS = {
    "interactem": _send_interactem,
    "accos": _send_accos,
    "serval": _send_serval,
    "merlin": _send_merlin,
    "dectris": _send_dectris,
}


def open_source(text: str, **told) -> LiveSource:
    """The source that a text names.

    Parameters
    ----------
    text : str
        `KIND:ADDRESS`, such as `interactem:tcp://host:port`; `tcp://listen@host:port` to wait for
        the camera there. `folder:PATH` for files that appear in a folder, and `serval:file:PATH`
        for a `.tpx3` file that grows.
    **told
        What only this kind needs to be told.

    Raises
    ------
    LiveError
        If the kind is unknown, something is missing that it needs, or the address is no good.
    """
    make, rest, told = check_source(text, **told)
    return make(rest, **told)


def check_source(text: str, **told) -> tuple:
    """What makes the source that a text names, without a look at whether it can be opened.

    Raises
    ------
    LiveError
        If the kind is unknown, or one of the options is not of this kind.
    """
    kind, mark, rest = text.partition(":")
    if not mark or kind.strip().lower() not in SOURCES:
        raise LiveError(
            f"{text!r} names no known source: write one of {', '.join(SOURCES)}, a colon and its "
            "address, such as interactem:tcp://localhost:5000."
        )
    make, options = SOURCES[kind.strip().lower()]
    told = {name: value for name, value in told.items() if value is not None}
    if unknown := sorted(set(told) - options):
        raise LiveError(f"{kind} knows no option {', '.join(unknown)}.")
    return make, rest, told


def open_sender(
    kind: str, text: str, listen: bool, stop: Callable[[], bool], dwell: float = 0.0
) -> Sender:
    """Who sends as that kind of camera does.

    Parameters
    ----------
    kind : str
        Of `SENDERS`.
    text : str
        Address.
    listen : bool
        Whether to wait there for those who want it, or to connect.
    stop : callable
        Whether to stop waiting.
    dwell : float
        Time at each position, as far as the stream tells it [s]; 0 for what is usual.

    Raises
    ------
    LiveError
        As for `open_source`.
    """
    if kind not in SENDERS:
        raise LiveError(f"{kind!r} is none of {', '.join(SENDERS)}.")
    return SENDERS[kind](address(text, listen), stop, dwell)
