"""Wrong passwords: how many came for a name from an address, and how long the next has to wait.

A person mistypes a few times; whoever guesses is slowed down to one try a minute for each name.
Nobody is kept out by what others do: a name that was guessed at from one address can be used from
all others, and an address that guessed at many names still has a first try at each.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from math import ceil
from time import monotonic

FREE = 5
"""Wrong tries at a name, from one address, before a wait."""
MANY = 50
"""Wrong tries from an address, at whatever names, after which each name has one try."""
FIRST, LONGEST = 4.0, 60.0
"""The first wait, and the longest [s]; each wrong try doubles it."""
FORGOTTEN = 3600.0
"""Tries at a name are forgotten after so long [s]."""
LEAK = 20.0
"""Of an address's tries one is forgotten in so long [s]."""
MOST = 100_000
"""Names and addresses that are remembered."""
REFUSED_S = 1.0
"""A wrong password is answered a whole number of these after it came [s]."""


class Guesses:
    """What is remembered of wrong passwords.

    Parameters
    ----------
    clock : callable
        Seconds, from any beginning.
    """

    def __init__(self, clock: Callable[[], float] = monotonic):
        self._clock = clock
        self._pairs: OrderedDict[bytes, tuple[int, float]] = OrderedDict()  # tries, the last one
        self._addresses: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """How long that name has to wait at that address [s]; 0 if it may be tried now."""
        now = self._clock()
        tries, last = self._pairs.get(_pair(name, address), (0, now))
        if now - last > FORGOTTEN:
            return 0.0
        free = 1 if self._of(address, now) > MANY else FREE
        if tries < free:
            return 0.0
        return max(0.0, last + min(LONGEST, FIRST * 2.0 ** min(tries - free, 30)) - now)

    def begin(self, name: str, address: str) -> bool:
        """Count a try, as a wrong one until `right` is called: so many at once are many.

        Returns whether it is the one with which the address has guessed too much.
        """
        now, pair, place = self._clock(), _pair(name, address), _place(address)
        tries, last = self._pairs.pop(pair, (0, now))
        self._pairs[pair] = (1 if now - last > FORGOTTEN else tries + 1), now
        before = self._of(address, now)
        self._addresses.pop(place, None)
        self._addresses[place] = before + 1, now
        for kept in (self._pairs, self._addresses):
            while len(kept) > MOST:
                kept.popitem(last=False)
        return before <= MANY < before + 1

    def right(self, name: str, address: str) -> None:
        """Forget the tries at a name, for it was its owner who tried."""
        self._pairs.pop(_pair(name, address), None)
        place = _place(address)
        if place in self._addresses:
            count, at = self._addresses[place]
            self._addresses[place] = max(0.0, count - 1), at

    def _of(self, address: str, now: float) -> float:
        count, at = self._addresses.get(_place(address), (0.0, now))
        return max(0.0, count - (now - at) / LEAK)


def answered_after(taken: float) -> float:
    """When a refusal that took so long [s] to find out is told: the next whole `REFUSED_S`.

    So a name that is known and one that is not are refused after the same time.
    """
    return REFUSED_S * max(1, ceil(taken / REFUSED_S))


def _place(address: str) -> str:
    """Where someone is: of IPv6 the network, as each of its members has as many as it likes."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if found.version == 6:
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _pair(name: str, address: str) -> bytes:
    return blake2b(f"{_place(address)}\n{name}".encode(), digest_size=16).digest()
