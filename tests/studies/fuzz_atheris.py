"""Tries files that a coverage-guided fuzzer makes up, on every reader; long, not for pytest.

    pip install atheris
    python -m tests.studies.fuzz_atheris FOLDER SECONDS [FORMAT ...]

Each format has its share of the seconds, in a process of its own with bounds on the time of an
input and on memory. An input is one of the format's files with other bytes in it; it has to end in
a scan, or in `UnreadableFile` with a sentence. What ends otherwise is kept in FOLDER and told;
the exit status is then 1. `--one FORMAT FOLDER SECONDS [INPUT]` is what runs in the process, and
tries a kept input again.
"""

import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

PATIENCE_S = 90
"""For an input: a child that reads has 60 s."""
MEMORY = 4 << 30
"""Bytes of address space that inputs may take beyond what the sound file took."""


def one(name, folder, seconds, tried):
    """Fuzz one format; ends the process."""
    import atheris

    # What Numba compiles must not be instrumented; readers must, before anyone imports them.
    import recon.kernels

    for module in pkgutil.iter_modules(recon.kernels.__path__, "recon.kernels."):
        if "cuda" not in module.name:
            importlib.import_module(module.name)
    import recon.scan.events
    import recon.scan.low_counts

    with atheris.instrument_imports(include=["recon.io"], enable_loader_override=False):
        import recon.io
        import recon.io.dense
    from recon.errors import UnreadableFile
    from tests.support import fuzz_dense, fuzzing

    place = folder / re.sub(r"\W+", "-", name)
    place.mkdir(parents=True, exist_ok=True)
    scan = place / "scan"
    scan.mkdir(exist_ok=True)
    if name in fuzzing.FILES:
        make, options = fuzzing.FILES[name]
        path = make(scan)

        def opened():
            recon.io.open_events(path, **options)
    else:
        path = fuzz_dense.FORMATS[name](scan, fuzz_dense.DATA)

        def opened():
            for _ in recon.io.open_frames(path, scan_shape=(2, 3)).slabs():
                pass

    opened()
    sides = sorted(p for p in scan.rglob("*") if p.is_file())
    contents = [side.read_bytes() for side in sides]

    def attempt(data):
        # The first byte says which of the files is replaced.
        which = data[0] % len(sides) if data else 0
        sides[which].write_bytes(data[1:])
        try:
            opened()
        except UnreadableFile as error:
            text = str(error)
            assert text.strip(), "an empty sentence"
            assert "\n" not in text, text
            assert len(text) < 1500, text
        finally:
            sides[which].write_bytes(contents[which])

    corpus = place / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, content in enumerate(contents[:256]):
        (corpus / f"sound-{number}").write_bytes(bytes([number]) + content)
    _bound_memory()
    largest = 2 * max(map(len, contents)) + 64
    libfuzzer = [
        f"-max_total_time={seconds}",
        f"-timeout={PATIENCE_S}",
        f"-max_len={largest}",
        "-rss_limit_mb=0",  # setrlimit's turn
        f"-artifact_prefix={place}/",
        "-print_final_stats=1",
    ]
    where = [str(tried)] if tried else [str(corpus)]
    atheris.Setup([sys.argv[0], *(libfuzzer if not tried else []), *where], attempt)
    atheris.Fuzz()


def _bound_memory():
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    """Fuzz all formats, or those named, one after the other."""
    from tests.support import fuzz_dense, fuzzing

    folder, seconds, *names = sys.argv[1:]
    names = names or [*fuzzing.FILES, *fuzz_dense.FORMATS]
    share, total, bad = max(1, int(float(seconds) / len(names))), 0, []
    for name in names:
        command = [
            sys.executable,
            "-m",
            "tests.studies.fuzz_atheris",
            "--one",
            name,
            folder,
            str(share),
        ]
        ended = subprocess.run(command, capture_output=True, text=True)
        found = re.search(r"stat::number_of_executed_units:\s*(\d+)", ended.stderr)
        number = int(found[1]) if found else 0
        total += number
        print(f"{name}: {number} inputs{'' if ended.returncode == 0 else ', FAILED'}", flush=True)
        if ended.returncode:
            bad.append(name)
            print(ended.stderr[-3000:], file=sys.stderr, flush=True)
    print(f"{total} inputs tried; {len(bad)} formats failed{': ' if bad else ''}{', '.join(bad)}")
    return bool(bad)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        kind, where, budget, *again = sys.argv[2:]
        one(kind, Path(where), int(budget), again[0] if again else None)
    sys.exit(main())
