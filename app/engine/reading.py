"""How a scan is read: the demonstration, a file, or what came of a microscope and has no file."""

from collections.abc import Callable

from app.engine.catalogue import DEMO
from app.state.request import Reading


def reader(engine, reading: Reading) -> Callable:
    """`read(report)` that gives the scan of a reading."""
    if reading.dataset == DEMO:
        from recon.simulate.demo import demo_events

        options = {} if engine.demo_cache is None else {"cache": engine.demo_cache}
        return lambda report: demo_events(progress=report, **options)
    live = engine.live.scan(reading.dataset)
    if live is not None and live.path is None:
        return lambda report: live.scan.events()
    from recon.io import open_scan

    # The look at what the file would open takes its time, too: once for all who wait for it.
    return lambda report: open_scan(
        engine.catalogue.path(reading.dataset), progress=report, **reading.options()
    )
