"""A file that grows, read as a line."""

from time import monotonic, sleep

from recon.live.line import MOST
from recon.live.source import LiveError

NAP_S = 0.02


class Tail:
    """The end of a file to which someone appends; see `recon.live.line.Line`.

    It is read from its beginning. It is never cut: whether more comes nobody knows.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    LiveError
        If there is no such file.
    """

    def __init__(self, path):
        self.endpoint = str(path)
        try:
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - `close` closes it
        except OSError as error:
            raise LiveError(f"{path}: {error.strerror}.") from error

    def read(self, timeout: float) -> bytes | None:
        """What was appended, at most `MOST` bytes; None if nothing was."""
        deadline = monotonic() + timeout
        while not (found := self._file.read(MOST)):
            if monotonic() >= deadline:
                return None
            sleep(NAP_S)
        return found

    def hang_up(self) -> None:
        """Nothing: it stays what it is."""

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
