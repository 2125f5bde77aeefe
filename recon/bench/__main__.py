"""`python -m recon.bench`: the benchmark where only `recon`'s dependencies are installed."""

import argparse
import json
import sys
from pathlib import Path

from recon.bench import live
from recon.bench.machine import ELECTRONS, PIXELS, SCAN, failures, run, run_device, written
from recon.bench.report import cpu_text, device_text, live_text
from recon.device.backend import CPU, DEVICES, choose
from recon.device.failure import DeviceError


def main(arguments=None) -> int:
    """Run the command line; the exit code."""
    options = _options(arguments)
    try:
        device = choose(options.device)
    except DeviceError as error:
        print(error, file=sys.stderr)
        return 2
    keep = written(options.output) if options.output else None
    if device is CPU or options.live:
        size = options.scan or (SCAN, SCAN), options.pixels or PIXELS, options.electrons_per_frame
        report = live.run(*size, device=device) if options.live else run(*size)
        if keep:
            keep(report)
        text = live_text if options.live else cpu_text
        print(json.dumps(report, indent=2) if options.json else text(report))
        return 0

    def tell(sentence):
        print(sentence, file=sys.stderr, flush=True)

    report = run_device(
        device,
        options.scan,
        options.pixels,
        options.electrons_per_frame,
        quick=options.quick,
        tell=tell,
        keep=keep,
    )
    print(json.dumps(report, indent=2))
    if not options.json:
        print(device_text(report))
    sentence = failures(report)
    if sentence:
        tell(sentence)
    return 2 if sentence else 0


def _options(arguments):
    """The command line, with what is out of range refused."""
    parser = argparse.ArgumentParser(
        prog="python -m recon.bench", description="Measure this machine."
    )
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--scan", type=_size, metavar="Y[,X]", help="scan positions: this size")
    parser.add_argument("--pixels", type=_pixels, metavar="N", help="4 to 64 across the disc")
    parser.add_argument("--electrons-per-frame", type=_positive, metavar="N", default=ELECTRONS)
    parser.add_argument("--json", action="store_true", help="JSON alone, without the tables")
    parser.add_argument("--quick", action="store_true", help="on a GPU: two small sizes")
    parser.add_argument("--live", action="store_true", help="a scan that is shown as it comes")
    parser.add_argument("--output", type=Path, metavar="FILE", help="keep the JSON in this file")
    return parser.parse_args(arguments)


def _size(text: str) -> tuple[int, int]:
    parts = [int(part) for part in text.split(",")]
    if len(parts) > 2 or min(parts) < 1:
        raise argparse.ArgumentTypeError(f"needs one or two sizes above zero, not {text!r}")
    return parts[0], parts[-1]


def _pixels(text: str) -> int:
    if not 4 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"must be 4 to 64, not {text}")
    return int(text)


def _positive(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be positive, not {text}")
    return float(text)


if __name__ == "__main__":
    sys.exit(main())
