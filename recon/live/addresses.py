"""Addresses of streams, as a person types them."""

import re
from dataclasses import dataclass

from recon.live.source import LiveError

FORM = re.compile(
    r"(?:tcp://)?(?P<listen>listen@)?(?P<host>\*|\[[0-9a-fA-F:]+\]|[\w.-]+):(?P<port>\d+)"
)
LARGEST_PORT = 65535


@dataclass(frozen=True)
class Address:
    """One end of a line.

    Parameters
    ----------
    host : str
    port : int
        0 for a free one, where we listen.
    listen : bool
        Whether the other side comes to us.
    """

    host: str
    port: int
    listen: bool = False

    def __str__(self):
        return f"tcp://{'listen@' if self.listen else ''}{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """As ZeroMQ takes it."""
        return f"tcp://{self.host}:{self.port}"


def address(text: str, listen: bool = False) -> Address:
    """`tcp://HOST:PORT`, or `tcp://listen@HOST:PORT` where we wait for the other side.

    Parameters
    ----------
    text : str
    listen : bool
        Whether we wait for the other side in any case.

    Raises
    ------
    LiveError
        If it is none of these.
    """
    match = FORM.fullmatch(text.strip())
    if match is None or int(match["port"]) > LARGEST_PORT:
        raise LiveError(
            f"{text!r} is no address: write tcp://HOST:PORT, or tcp://listen@HOST:PORT to wait "
            "there for the other side."
        )
    listen = listen or match["listen"] is not None
    if int(match["port"]) == 0 and not listen:
        raise LiveError(f"{text!r} names no port: only who listens may take any.")
    return Address(match["host"], int(match["port"]), listen)
