"""Build and run the Dockerfile where there is no Docker: every step, in order, in a clean root.

    sudo python -m tests.container.build_without_docker [--arg CUDA=none] [--folder DIR]

Takes what git has of the checkout. Makes each stage from Debian by debootstrap, runs the steps,
then starts the server as the image would be started: as its user without any capability, as
process 1, with the data folder read-only. It waits for the health check, sends SIGTERM, and looks
at what was left and written. Then the same again with a user number nobody knows and all but the
volumes read-only. Takes minutes and 3 GB (with CUDA=12, 9 GB).
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from tests.container import dockerfile, dockerignore, rootfs, running
from tests.support.paths import ROOT


def main() -> None:
    """Build, run, and say what was seen; ends with a sentence where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--folder", type=Path, help="Where to build; kept, and its base used again")
    parser.add_argument("--ref", default="HEAD", help="What of the checkout is built")
    options = parser.parse_args()
    given = dict(word.split("=", 1) for word in options.arg or ["CUDA=none"])
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        _all(options.folder.resolve(), options.ref, given)
    else:
        # Not in /tmp, which may be memory.
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="livestem-image-") as folder:
            _all(Path(folder), options.ref, given)


def _all(folder: Path, ref: str, given: dict[str, str]) -> None:
    context = folder / "context"
    rootfs.clear(context)
    files = unpack(context, ref)
    say(f"context: {files} files of {ref}, {rootfs.size(context):.0f} MB")
    image, root = build(folder, context, given)
    running.check(image, root, folder / "run", say)
    say("all is well")


def unpack(context: Path, ref: str) -> int:
    """Put what git has, less what .dockerignore names, into `context`; the number of files."""
    done = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "archive", ref],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    count = 0
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        try:
            text = archive.extractfile(".dockerignore").read().decode()
        except KeyError:
            text = ""
        rules = dockerignore.patterns(text)
        # The Dockerfile is read by the builder, whatever .dockerignore says of it.
        for member in archive.getmembers():
            if member.isfile() and not dockerignore.ignored(member.name, rules):
                archive.extract(member, context, filter="data")
                count += 1
        (context.parent / "Dockerfile").write_bytes(archive.extractfile("Dockerfile").read())
    return count


def build(folder: Path, context: Path, given: dict[str, str]) -> tuple[dockerfile.Image, Path]:
    """Every stage; what the last says of running it, and its root."""
    stages = dockerfile.read((folder / "Dockerfile").read_text(), given)
    roots: dict[str, Path] = {}
    for number, stage in enumerate(stages):
        began = time.monotonic()
        kept = folder / f"base-{stage.base.replace(':', '-')}"
        if not kept.exists():
            draft = folder / "base-draft"
            rootfs.clear(draft)
            rootfs.base(stage.base, draft)
            draft.rename(kept)
        root = folder / f"stage-{number}"
        rootfs.clear(root)
        rootfs.copy(kept, root)
        say(f"stage {stage.name} from {stage.base}: {_since(began)}, {rootfs.size(root):.0f} MB")
        image = dockerfile.Image(env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
        for step in stage.steps:
            _step(step, image, root, context, roots, given)
        roots[stage.name] = root
        say(f"stage {stage.name} is done: {rootfs.size(root):.0f} MB")
    return image, root


def _step(step, image, root, context, roots, given) -> None:
    began = time.monotonic()
    if step.name == "RUN":
        rootfs.build(
            root,
            ["/bin/sh", "-c", step.value],
            env=image.env | image.args,
            user=rootfs.numbers(root, image.user),
            workdir=image.workdir,
        )
    elif step.name == "COPY":
        _copy(step, image, root, context, roots)
    else:
        dockerfile.settle(image, step, given)
        if step.name == "WORKDIR":
            Path(f"{root}{image.workdir}").mkdir(parents=True, exist_ok=True)
        return
    say(f"  line {step.line}: {step.name} {step.value[:60]}: {_since(began)}")


def _copy(step, image, root, context, roots) -> None:
    words = step.value.split()
    start = context
    if words[0].startswith("--from="):
        start = roots[words.pop(0).removeprefix("--from=")]
    if words[0].startswith("--") or "$" in step.value:
        raise dockerfile.Unsupported(f"line {step.line}: COPY {step.value}")
    *sources, target = words
    place = Path(f"{root}{Path(image.workdir) / target}")
    for source in sources:
        found = Path(f"{start}/{source}")
        if found.is_dir():
            rootfs.copy(found, place)
            continue
        if target.endswith(("/", ".")):
            place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", str(found), str(place)], check=True)


def say(sentence: str) -> None:
    """Tell at once."""
    print(sentence, flush=True)


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
