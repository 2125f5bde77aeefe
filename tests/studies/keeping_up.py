"""Whether a scan is kept up with, by its size and its pace: received, written, counted, shown.

    PYTHONPATH=. python -m tests.studies.keeping_up [--sizes 256,512,1024] [--paces 23,11.5,5.75]

Prints a table: see `recon.bench.playing.play`. Beside the time of a row stands the floor that a
look every 16 rows has in the same run: one pass over the entries, the block's electrons read once,
and the stream's bytes copied once.
"""

import argparse

from recon.bench.live import WARM, Work
from recon.bench.playing import play
from recon.bench.report import table
from recon.device.backend import CPU

HEADS = (
    "scan",
    "µs",
    "ms a row",
    "floor",
    "lost",
    "pixels",
    "looks/s",
    "images/s",
    "gap [s]",
    "written",
    "counted",
    "exact",
    "as the file [ms]",
)


def line(work, pace):
    """One row of the table."""
    rows, columns = work.events.scan_shape
    seen = play(work, pace)
    floor = work.floor_ms(16) + work.copy_ms(seen["bytes"]) / rows
    after = (f"{seen[f'{name}_ms']:.0f}" for name in ("received", "counted", "exact", "settled"))
    return (
        f"{rows} × {columns}",
        f"{pace:g}",
        f"{1e-3 * pace * columns:.1f}",
        f"{floor:.2f}",
        f"{seen['lost']}",
        f"{seen['pixels']}",
        f"{seen['looks'] / seen['seconds']:.1f}",
        f"{seen['images_per_s']:.1f}",
        f"{seen['longest_gap_s']:.2f}",
        *after,
    )


def main():
    """Play all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="256,512,1024", help="rows and columns")
    parser.add_argument("--paces", default="23,11.5,5.75", help="µs at a position")
    parser.add_argument("--pixels", type=int, default=18)
    parser.add_argument("--electrons-per-frame", type=float, default=50.0)
    given = parser.parse_args()
    how = given.pixels, given.electrons_per_frame, CPU
    play(Work.of(WARM, *how), 0.0)
    lines = []
    for size in map(int, given.sizes.split(",")):
        work = Work.of((size, size), *how)
        lines += [line(work, float(pace)) for pace in given.paces.split(",")]
    print("\n".join(table(HEADS, lines)))


if __name__ == "__main__":
    main()
