"""How a cluster is named: made here, or found at an address."""

LOCAL = "local"

BEYOND = "DASK_SCHEDULER_ADDRESS"
"""Dask's own variable: the cluster for what this machine does not hold."""

SCHEMES = ("tls", "tcp", "ucx", "wss", "ws")
"""How an address of a scheduler may begin."""


def check_address(text: str) -> str:
    """The text if it says a cluster: local, local:N or the address of a scheduler.

    Raises
    ------
    ValueError
    """
    kind, colon, rest = text.partition(":")
    if kind == LOCAL and (not colon or (rest.isdecimal() and int(rest) > 0)):
        return text
    if kind in SCHEMES and rest.startswith("//") and rest[2:].rpartition(":")[2].isdecimal():
        return text
    raise ValueError(
        "A cluster is local, local:N with N workers of this machine, or the address of a Dask "
        f"scheduler such as tls://name:8786, not {text!r}."
    )


def is_local(address: str) -> bool:
    """Whether the workers are made on this machine."""
    return address.partition(":")[0] == LOCAL
