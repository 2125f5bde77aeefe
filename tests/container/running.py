"""Start what was built as a container would be, and look at how it behaves."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.container import dockerfile, rootfs

PATIENCE_S = 180
STOP_S = 30
"""As the README's compose file has it: kernels that are being compiled are not interrupted."""
SECRET = "/run/secrets/users"
STRANGER = "123456:0"
"""Some clusters run every image under a number of their own, in group 0."""


def check(image: dockerfile.Image, root: Path, folder: Path, say) -> None:
    """Run the image twice: as its own user, and as a stranger with nothing else writable.

    Raises
    ------
    SystemExit
        With what is wrong.
    """
    rootfs.clear(folder)
    volumes = {}
    for volume in image.volumes:
        # As Docker fills a new volume with what the image has there.
        volumes[volume] = folder / f"volume{volume.replace('/', '-')}"
        rootfs.copy(Path(f"{root}{volume}"), volumes[volume])
        status = os.stat(f"{root}{volume}")
        os.chown(volumes[volume], status.st_uid, status.st_gid)
        os.chmod(volumes[volume], status.st_mode)
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "no-scan.h5").write_bytes(b"not HDF5")

    secret = folder / "users.json"
    secret.write_text('{"anna": "a password"}')
    secret.chmod(0o644)
    place = Path(f"{root}{SECRET}")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()

    user = rootfs.numbers(root, image.user)
    before = _listing(root)
    binds = [(str(path), volume, "rw") for volume, path in volumes.items()]
    binds += [(str(data), "/data", "ro")]
    _run(image, root, binds, say, user=user, readonly=False)
    changed = _listing(root) ^ before
    if changed:
        raise SystemExit(f"written outside the volumes: {sorted(changed)[:10]}")
    say("  nothing was written outside the volumes")
    keys = volumes["/var/cache/livestem"] / "server-keys.json"
    if keys.stat().st_mode & 0o777 != 0o600:
        raise SystemExit("the server's keys can be read by others")

    # Its own volumes: the keys of one user are not another's.
    for volume, path in volumes.items():
        rootfs.clear(path)
        rootfs.copy(Path(f"{root}{volume}"), path)
        os.chown(path, 10001, 0)
        os.chmod(path, 0o770)
    _run(image, root, binds, say, user=STRANGER, readonly=True)
    say("  and with a login:")
    binds.append((str(secret), SECRET, "ro"))
    _run(image, root, binds, say, user=STRANGER, readonly=True, env={"LIVESTEM_LOGIN": SECRET})


def _run(image, root, binds, say, *, user, readonly, env=None) -> None:
    name = f"as {user}{', all else read-only' if readonly else ''}"
    words = rootfs.command(
        root,
        image.entrypoint + image.command,
        user=user,
        workdir=image.workdir,
        env=image.env | (env or {}),
        binds=binds,
        readonly=readonly,
    )
    began = time.monotonic()
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            first = process.stdout.readline()
            if "livestem is at" not in first and "plain text" not in first:
                raise SystemExit(f"{name} it did not start: {first}{process.stdout.read()}")
            say(f"  {name}: listens after {time.monotonic() - began:.1f} s")
            server = _only_child(process.pid)
            complaint = _until_healthy(image, root, server, user, env or {})
            if complaint is not None:
                raise SystemExit(f"{name} it did not become healthy: {complaint}")
            say(f"  {name}: healthy after {time.monotonic() - began:.1f} s")
            say(f"  {name}: {_memory(server):.0f} MB of memory")
            asked = time.monotonic()
            os.kill(server, getattr(signal, image.stop))
            rest = process.communicate(timeout=STOP_S)[0]
            say(f"  {name}: ended with {process.returncode} in {time.monotonic() - asked:.1f} s")
            if process.returncode != 0 or "Traceback" in rest:
                raise SystemExit(f"{name} it did not end well: {process.returncode} {rest}")
        finally:
            process.kill()


def _until_healthy(image, root, server, user, env) -> str | None:
    """Run the health check as Docker would, beside the server; its last complaint, if any."""
    uid, gid = user.split(":")
    words = ["nsenter", f"--target={server}", "--mount", "--pid", "--net", "--ipc", "--uts"]
    words += ["--root", f"--wd={root}{image.workdir}", "setpriv", f"--reuid={uid}"]
    words += [f"--regid={gid}", "--clear-groups", "--no-new-privs", "--", "/usr/bin/env", "-i"]
    words += [f"{name}={value}" for name, value in (image.env | env).items()]
    end = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run([*words, *image.health], capture_output=True, text=True)
        if done.returncode == 0:
            return None
        if time.monotonic() > end:
            return done.stdout + done.stderr
        time.sleep(1)


def _only_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    if len(children) != 1:
        raise SystemExit(f"process 1 of the container is not to be found: {children}")
    return int(children[0])


def _memory(pid: int) -> float:
    """[MB] resident."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _listing(root: Path) -> set[tuple]:
    """Every file with its size and the time of its last change."""
    found = set()
    for folder, _, names in os.walk(root):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            found.add((os.path.join(folder, name), status.st_size, status.st_mtime_ns))
    return found
