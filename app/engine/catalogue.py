"""The scans a server offers: names that stand for files, never paths.

A page or a link can only name an entry; what is opened lies truly inside the data folder (after
links are followed) or is a file that was uploaded to this process. See `app/engine/jail.py`.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.engine.jail import Outside, check_contents, resolve_inside
from app.engine.live_scan import LIVE
from app.engine.microscope import Microscope
from app.engine.uploads import Refused, Upload, Uploads, short_name
from app.words import clip
from recon.listing import readable, scans_below, suffixes

DEMO = "demo"

UPLOAD = "upload:"
"""First part of the name of an upload. No folder that is offered is called so."""

MOST = 500
"""How many scans are listed."""


@dataclass(frozen=True)
class Entry:
    """A scan on offer."""

    id: str
    title: str
    nbytes: int | None
    """Size of the file; None for the demonstration."""


class Catalogue:
    """Scans by name.

    Parameters
    ----------
    root : Path, optional
        Folder with scans, looked through four levels deep, or one file.
    upload_limit : int
        Bytes of uploads, see `app.engine.uploads`. 0 takes none.
    live : Microscope, optional
        Whose scans are offered as well.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        upload_limit: int = 4 << 30,
        live: Microscope | None = None,
    ):
        self._root = None if root is None else Path(root).resolve(strict=True)
        self.uploads = Uploads(upload_limit)
        self.live = live or Microscope()
        self._checked: dict[Path, tuple] = {}

    @property
    def default(self) -> str:
        """What a page opens without being asked: the one file of the server, or the demo."""
        return self._root.name if self._root is not None and self._root.is_file() else DEMO

    def entries(self) -> tuple[Entry, ...]:
        """The demonstration and the scans of the folder, by name; uploads are not listed."""
        files = []
        if self._root is not None and self._root.is_file():
            files = [(self._root.name, self._root)]
        elif self._root is not None:
            files = self._walk()
        found = [Entry(DEMO, "Demonstration scan", None)]
        found += [
            Entry(scan.name, f"Live, {self.title(scan.name)}", None)
            for scan in self.live.state.scans
        ]
        for name, path in files:
            try:
                found.append(Entry(name, name, path.stat().st_size))
            except OSError:  # gone meanwhile
                continue
        return tuple(found)

    def path(self, name: str) -> Path:
        """The file that `name` stands for, safe to be opened by any reader.

        Raises
        ------
        ValueError
            If it stands for none, for one outside the folder, or for one that would have another
            opened with it.
        """
        path, base = self._inside(name)
        stamp = _stamp(path)
        if self._checked.get(path) != stamp:
            check_contents(path, base)
            self._checked[path] = stamp
        return path

    def _inside(self, name: str) -> tuple[Path, Path]:
        """The file of that name, and the folder that it lies in."""
        refusal = ValueError(f"“{clip(name)}” is not among the scans that this server offers.")
        first, _, rest = name.partition("/")
        if first == LIVE:
            scan = self.live.scan(name)
            if scan is None or scan.path is None:
                raise refusal
            return scan.path, scan.path.parent
        if first == UPLOAD and self.uploads.folder is not None:
            base, name = self.uploads.folder, rest
        elif first == UPLOAD or self._root is None:
            raise refusal
        elif self._root.is_file():
            if name != self._root.name:
                raise refusal
            return self._root, self._root.parent
        else:
            base = self._root
        try:
            path = resolve_inside(base, name)
        except Outside:
            raise refusal from None
        if not readable(path):
            raise refusal
        return path, base

    def title(self, name: str) -> str:
        """Short name for the head of the page."""
        scan = self.live.scan(name)
        if scan is not None:
            return f"scan {scan.number} of {scan.at:%H:%M:%S}"
        return "demonstration" if name == DEMO else PurePosixPath(name).stem

    def stamp(self, name: str):
        """What changes when the file behind `name` is another one; keys what was read from it."""
        scan = self.live.scan(name)
        if scan is not None and scan.path is None:
            return scan.state.version
        return DEMO if name == DEMO else _stamp(self._inside(name)[0])

    def begin_upload(self, filename: str, size: int = 0) -> Upload:
        """Take a file that a browser sends, and says to have `size` bytes.

        Raises
        ------
        ValueError
            If no reader takes files of this suffix, or it is too large, or cannot be kept.
        """
        short = short_name(filename)
        if not short or not readable(Path(short)):
            known = ", ".join(sorted(suffixes()))
            raise Refused(f"“{clip(short)}” is not a scan: choose a file that ends in {known}.")
        return self.uploads.begin(short, size)

    def end_upload(self, upload: Upload) -> str:
        """The name of a file that has arrived in full; `ValueError` if it cannot be kept."""
        return f"{UPLOAD}/{upload.finish()}"

    def add_upload(self, filename: str, content: bytes) -> str:
        """Keep a whole file, as if it had arrived in one piece."""
        upload = self.begin_upload(filename, len(content))
        upload.write(content)
        return self.end_upload(upload)

    def close(self) -> None:
        """Delete what was uploaded, and receive no more."""
        self.live.close()
        self.uploads.close()

    def _walk(self) -> list[tuple[str, Path]]:
        found = []
        for path in scans_below(self._root):
            name = path.relative_to(self._root).as_posix()
            try:
                name.encode()  # a name that is no text cannot be told to a browser
                found.append((name, self._inside(name)[0]))
            except ValueError:  # a link that leads out of the folder, or to nothing
                continue
            if len(found) >= MOST:
                break
        return found


def _stamp(path: Path) -> tuple:
    found = path.stat()
    return str(path), found.st_ino, found.st_mtime_ns, found.st_size
