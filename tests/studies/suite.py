"""Whether the tests pass wherever and whenever they are run: the suite, again and again.

    python -m tests.studies.suite [--runs 5] [--busy 2] [--only WAY …] [FILE …]

Runs it (or the files that are named) as the README does so many times beside busy loops that want
all cores, then once in each other way of WAYS. Prints a line a run: seconds, how the tests ended,
and how many processes were still there when it was over. Output of a run that was not all green
stays in the folder that is named. Ends with 0 if all were. Not run by pytest; takes ten minutes or
more a run.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from tests.support import surroundings
from tests.support.paths import ROOT

ELSEWHERE = {
    "TZ": "Pacific/Chatham",
    "LC_ALL": "C",
    "TERM": "dumb",
    "COLUMNS": "31",
    "FORCE_COLOR": "1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "LIVESTEM_LOGIN": "nowhere",
    "LIVESTEM_DEVICE": "tpu",
}
"""Settings of a user from elsewhere; with them HOME and TMPDIR are new folders."""
PROCESSES = {"busy": "auto", "side by side": "2"}
"""How many share the files; in every other way it is one."""
WAYS = ("background", "side by side", "reversed", "elsewhere")
LEFT_S = 20
"""For which what a run has started may outlive it: it ends by itself within that time."""


def files_of(named):
    """The files of tests, in the order in which pytest takes them."""
    if named:
        return [str(Path(name).resolve()) for name in named]
    return sorted(str(path) for path in (ROOT / "tests").rglob("test_*.py"))


def way(name, files, folder):
    """Command and environment of a run."""
    command, environment = [sys.executable, "-m", "pytest", "-q"], dict(os.environ)
    if name in PROCESSES:
        command += ["-n", PROCESSES[name], "--dist", "loadfile"]
    elif name == "elsewhere":
        for setting in ("HOME", "TMPDIR"):
            (folder / setting).mkdir()
            environment[setting] = str(folder / setting)
        environment |= ELSEWHERE
    command += [f"--junitxml={folder / 'junit.xml'}"]
    command += files[::-1] if name == "reversed" else files
    if name == "background":
        # A shell without job control has what goes on in its background ignore SIGINT.
        return ["sh", "-c", f"{shlex.join(command)} & wait $!"], environment
    if name == "elsewhere":
        return ["sh", "-c", f"umask 077; exec {shlex.join(command)}"], environment
    return command, environment


def run(name, files, folder):
    """Seconds, how many tests ended how, how many processes were left, and whether all is well."""
    command, environment = way(name, files, folder)
    mark = f"{os.getpid()}-{folder.name}"
    began = time.monotonic()
    with (folder / "output.txt").open("w") as output:
        code = subprocess.run(
            command,
            cwd=ROOT,
            env=environment | {"LIVESTEM_TEST_STUDY": mark},
            stdout=output,
            stderr=subprocess.STDOUT,
        ).returncode
    seconds = time.monotonic() - began
    end = time.monotonic() + LEFT_S
    while (left := list(surroundings.marked(mark, "LIVESTEM_TEST_STUDY"))) and (
        time.monotonic() < end
    ):
        time.sleep(0.2)
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    if (folder / "junit.xml").exists():
        for suite in ElementTree.parse(folder / "junit.xml").iter("testsuite"):
            counts = {kind: counts[kind] + int(suite.get(kind)) for kind in counts}
    return seconds, counts, len(left), code == 0 and not left


@contextmanager
def busy(loops):
    """So many processes that take all the time of a core that they get."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs beside busy loops")
    parser.add_argument("--busy", type=int, default=2, help="busy loops")
    parser.add_argument("--only", nargs="+", choices=("busy", *WAYS), default=("busy", *WAYS))
    parser.add_argument("files", nargs="*", metavar="FILE", help="files of tests; all of them")
    asked = parser.parse_args()
    guard = surroundings.end_children_with_this_process()
    files, kept = files_of(asked.files), Path(tempfile.mkdtemp(prefix="suite-"))
    runs = [("busy", n) for n in range(1, asked.runs + 1) if "busy" in asked.only]
    runs += [(name, 1) for name in WAYS if name in asked.only]
    print("run                 s  passed  skipped  failed  errors  left")
    well = True
    for name, number in runs:
        folder = kept / f"{name.replace(' ', '-')}-{number}"
        folder.mkdir()
        with busy(asked.busy if name == "busy" else 0):
            seconds, counts, left, green = run(name, files, folder)
        failed, errors, skipped = (counts[kind] for kind in ("failures", "errors", "skipped"))
        passed = counts["tests"] - failed - errors - skipped
        print(
            f"{name:12} {number} {seconds:6.0f} {passed:7} {skipped:8} {failed:7} {errors:7} "
            f"{left:5}{'' if green else f'   {folder}'}",
            flush=True,
        )
        well = well and green
    guard.stdin.close()
    guard.wait()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
