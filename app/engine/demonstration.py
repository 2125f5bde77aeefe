"""The demonstration scan as a microscope would send it, for those who have none."""

from collections.abc import Callable
from threading import Thread

from app.engine.catalogue import DEMO
from app.engine.microscope import Microscope
from app.state.request import Reading
from recon.live.kinds import open_sender, open_source
from recon.live.replay import play as replay

KIND = "accos"
"""Whose stream it is sent in: one that wants no further library."""

SCAN_S = 24.0
"""Seconds that a scan takes: long enough for a hand to be tried, short enough to wait for."""

SCANS = 10
"""How often it is played."""

KNOWN = "energy", "semiangle_cutoff", "scan_sampling", "rotation_deg", "transpose"
"""What a lab knows of its microscope, and the stream does not say."""


def play(engine, live: Microscope, failed: Callable[[BaseException], None]) -> None:
    """Have it played to this server, over a line of its own; at once, on other threads.

    Parameters
    ----------
    engine : Engine
    live : Microscope
        What listens.
    failed : callable
        Told the error where that is not possible.
    """

    def begin():
        try:
            _begin(engine, live)
        except Exception as error:  # told to who asked for it
            failed(error)

    Thread(target=begin, name="livestem-demonstration", daemon=True).start()


def _begin(engine, live):
    scan = engine.events(Reading(DEMO))
    source = open_source(f"{KIND}:tcp://listen@127.0.0.1:0")
    known = {name: scan.metadata[name] for name in KNOWN if name in scan.metadata}
    live.listen("demonstration", lambda: source, None, known)
    dwell = SCAN_S / scan.positions

    def send(stopped):
        sender = open_sender(KIND, source.endpoint, False, stopped, dwell)
        for _ in replay(scan, sender, dwell, scans=SCANS, stop=stopped):
            pass

    live.beside(send)
