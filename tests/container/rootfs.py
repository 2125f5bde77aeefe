"""Root file systems made by debootstrap, and processes in them, shut off as a container's are.

Each process gets its own mounts, process numbers and network (which has nothing but a loopback),
so that it is process 1 and `0.0.0.0` reaches nobody. Needs root, debootstrap, util-linux and
iproute2. Where packages come from is this machine's business: its own settings of apt and pip are
lent to the build, and are not in what is built.
"""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def mirror() -> str:
    """Where this machine's apt gets Debian from."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI)"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line.split()[2] for line in done.stdout.splitlines() if line.startswith("Debian main")]
    if not found:
        raise SystemExit("apt has no lists of Debian here: run `apt-get update` first")
    return found[0]


def base(image: str, target: Path) -> None:
    """What stands in for the official `python:3.x-slim-SUITE`: Debian's own Python of that suite.

    Raises
    ------
    SystemExit
        If the suite has another Python.
    """
    found = re.fullmatch(r"python:(3\.\d+)-slim-([a-z]+)", image)
    if not found:
        raise SystemExit(f"there is no stand-in for the base image {image}")
    version, suite = found.groups()
    subprocess.run(
        [
            "debootstrap",
            "--variant=minbase",
            "--include=ca-certificates,python3,python3-venv",
            suite,
            str(target),
            mirror(),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    if not (target / f"usr/bin/python{version}").exists():
        raise SystemExit(f"Debian {suite} has no Python {version}: {image} cannot be stood in for")
    for name in ("python", "python3", f"python{version}"):
        (target / "usr/local/bin" / name).symlink_to(f"/usr/bin/python{version}")
    shutil.rmtree(target / "var/cache/apt")


def lent() -> tuple[dict[str, str], list[str]]:
    """Settings by which this machine's pip finds packages, and the files they name."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name.lower().endswith("_proxy")
    }
    done = subprocess.run(["pip", "config", "list"], capture_output=True, text=True)
    named = re.findall(r"(?:file://)?(/[\w./-]+)", " ".join([done.stdout, *env.values()]))
    files = {"/etc/pip.conf", "/etc/resolv.conf", CERTIFICATES, *named}
    return env, sorted(path for path in files if Path(path).exists())


def command(
    root: Path,
    words: list[str],
    *,
    user: str = "0:0",
    workdir: str = "/",
    env: dict[str, str],
    binds: list[tuple[str, str, str]] = (),
    network: bool = False,
    readonly: bool = False,
) -> list[str]:
    """The words that run `words` in `root`.

    Parameters
    ----------
    user : str
        uid:gid. Another than 0 has no capability and can get none.
    binds : list of (source, target, "ro" or "rw")
        Folders and files of this machine that it sees.
    network : bool
        Whether it sees this machine's network; else it has a loopback of its own.
    readonly : bool
        Whether all but the binds and /tmp can only be read.
    """
    at = shlex.quote(str(root))
    lines = [
        "set -e",
        f"mount --bind {at} {at}",
        f"mount -t proc proc {at}/proc",
        f"mount -t tmpfs -o mode=755 dev {at}/dev",
        f"mkdir {at}/dev/shm && mount -t tmpfs -o mode=1777 shm {at}/dev/shm",
        f"ln -s /proc/self/fd {at}/dev/fd",
        f"mount -t tmpfs -o mode=1777 tmp {at}/tmp",
    ]
    for name in DEVICES:
        lines.append(f"touch {at}/dev/{name} && mount --bind /dev/{name} {at}/dev/{name}")
    for source, target, mode in binds:
        place = shlex.quote(f"{root}{target}")
        lines.append(f"mount --bind {shlex.quote(source)} {place}")
        if mode == "ro":
            lines.append(f"mount -o remount,bind,ro {place}")
    if readonly:
        lines.append(f"mount -o remount,bind,ro {at}")
    if not network:
        lines.append("ip link set lo up")
    uid, gid = user.split(":")
    drop = ["--bounding-set=-all", "--inh-caps=-all"] if uid != "0" else []
    inner = [
        *["chroot", str(root), "/usr/bin/setpriv", f"--reuid={uid}", f"--regid={gid}"],
        *["--clear-groups", "--no-new-privs", *drop, "--"],
        *["/usr/bin/env", "-i", f"--chdir={workdir}"],
        *[f"{name}={value}" for name, value in env.items()],
        *words,
    ]
    lines.append(f"exec {shlex.join(inner)}")
    spaces = ["--mount", "--pid", "--ipc", "--uts", *([] if network else ["--net"])]
    return ["unshare", *spaces, "--fork", "--kill-child=KILL", "sh", "-c", "\n".join(lines)]


def build(root: Path, words: list[str], *, env: dict[str, str], **options) -> None:
    """Run a step of a build; what is lent to it leaves no trace.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    settings, files = lent()
    made = [path for path in files if _make_place(root, path)]
    try:
        subprocess.run(
            command(
                root,
                words,
                env=settings | env,
                binds=[(path, path, "ro") for path in files],
                network=True,
                **options,
            ),
            check=True,
        )
    finally:
        for path in made:
            place = Path(f"{root}{path}")
            place.rmdir() if place.is_dir() else place.unlink()


def _make_place(root: Path, path: str) -> bool:
    """Make what is mounted over; whether there was nothing."""
    place = Path(f"{root}{path}")
    if place.exists() or place.is_symlink():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir() if Path(path).is_dir() else place.touch()
    return True


def copy(source: Path, target: Path) -> None:
    """All of a folder, with its modes and owners, into another that may exist."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/.", str(target)], check=True)


def size(root: Path) -> float:
    """[MB] on disk."""
    done = subprocess.run(["du", "-sxm", str(root)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def clear(path: Path) -> None:
    """Take away a folder made here."""
    if path.exists():
        shutil.rmtree(path)


def numbers(root: Path, user: str) -> str:
    """uid:gid of a user given by number or by its name in `root`."""
    uid, gid = user.split(":")
    if not uid.isdigit():
        for line in (root / "etc/passwd").read_text().splitlines():
            name, _, number, group, *_ = line.split(":")
            if name == uid:
                return f"{number}:{group}"
        raise SystemExit(f"the image has no user {uid}")
    return f"{uid}:{gid}"
