"""Who may use a server: people with a password, or people whom an OAuth provider vouches for.

| LIVESTEM_LOGIN                  | lets in                                                       |
|---------------------------------|---------------------------------------------------------------|
| a path, such as /run/users      | who is in that file with the right password                   |
| github:anna,ben                 | these accounts of the provider                                |
| google:@lab.example.org         | every account whose name ends so                              |
| azure:*                         | everyone to whom the provider gives a token                   |

The password file is either that of `htpasswd -B` (a line `name:hash` for each, bcrypt), or JSON as
Panel's own login takes it ({"name": "password"}, in plain text). `app.server.guard` does the rest.

Names are compared as they are, but for the two ways (NFC, NFD) in which Unicode writes one letter:
whatever else made two of them equal, case above all, would let in whom nobody named.
"""

import hmac
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize

from app.words import why

BCRYPT = ("$2a$", "$2b$", "$2y$")
HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
COST = 12
"""Of the hashes that is advised: a guess then takes a fifth of a second."""
# Of a password nobody has: an unknown name takes as long to refuse as a known one.
NOBODY = "$2b$12$waTOxU0FDbJRwdr5FdH39uwZ8PtVCJc9Ia.kVh5hBeBXKv/fsRuqm"
PROVIDERS = "auth0 auth_code azure azurev2 bitbucket generic github gitlab google okta"
"""As Panel calls them. It is not asked: Bokeh, which it imports, must find the keys set."""
WAY_OUT = "pip install 'livestem[login]'"


def same_name(name: str) -> str:
    """A name in the one form (NFC) in which names are compared."""
    return normalize("NFC", name)


@dataclass(frozen=True)
class Users:
    """People with passwords.

    Attributes
    ----------
    passwords : dict of str to str
        By name, hashed with bcrypt or plain.
    """

    passwords: Mapping[str, str]

    def admits(self, name: str) -> bool:
        """Whether someone of that name may come in, once the password was right."""
        return same_name(name) in self.passwords

    def match(self, name: str, password: str) -> bool:
        """Whether it is that person's password.

        One hash of each cost that is in the file is compared, whoever it is, so that the time
        does not tell who is known.
        """
        own, secret = self.passwords.get(same_name(name)), password.encode()
        right = False
        for cost in self.costs:
            theirs = own is not None and cost_of(own) == cost
            right |= _is(secret, own if theirs else f"{NOBODY[:4]}{cost:02}{NOBODY[6:]}") and theirs
        if own is not None and cost_of(own) is None:
            right = hmac.compare_digest(sha256(secret).digest(), sha256(own.encode()).digest())
        return right

    @cached_property
    def costs(self) -> tuple[int, ...]:
        """The costs of the file's hashes, each once: 2ᶜ is the work of one guess."""
        return tuple(sorted({cost_of(known) for known in self.passwords.values()} - {None}))

    @property
    def hashed(self) -> bool:
        """Whether the file holds no password in plain text."""
        return all(cost_of(known) is not None for known in self.passwords.values())

    def __repr__(self):
        return f"Users({len(self.passwords)})"  # never into a log


@dataclass(frozen=True)
class Provider:
    """Accounts of an OAuth provider."""

    name: str
    """As Panel calls it."""
    people: tuple[str, ...]
    """Accounts, ends of accounts such as "@lab.example.org", or "*"."""

    def admits(self, name: str) -> bool:
        """Whether that account may come in."""
        name = same_name(name)
        return any(
            p == "*" or (name.endswith(p) and name != p if p.startswith("@") else name == p)
            for p in self.people
        )


def login_from(text: str, environment: Mapping[str, str] = os.environ) -> Users | Provider | None:
    """What LIVESTEM_LOGIN asks for; None where it is empty and everyone is welcome.

    Raises
    ------
    ValueError
        If it is no file and no provider, or if something is missing; in one sentence.
    """
    text = text.strip()
    if not text:
        return None
    path = Path(text).expanduser()
    if path.is_file():
        return read_users(path)
    name, colon, people = text.partition(":")
    if "/" in name or (path.suffix and not colon):
        raise ValueError(f"LIVESTEM_LOGIN names {text}, and there is no such file of passwords.")
    return _provider(name.strip().lower(), people if colon else "", environment)


def read_users(path: Path) -> Users:
    """The people in a file of passwords.

    Raises
    ------
    ValueError
        If it is no such file, or nobody is in it; never with anything that it holds.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ValueError(f"The passwords in {path} cannot be read: {why(error)}.") from None
    if text.lstrip().startswith("{"):
        try:
            passwords = json.loads(text)
        except ValueError:
            raise ValueError(f"The passwords in {path} are no valid JSON.") from None
        if not all(isinstance(value, str) and value for value in passwords.values()):
            raise ValueError(f"In {path} somebody has no password, or one without quotes.")
    else:
        passwords = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, known = line.strip().partition(":")
            if cost_of(known) is None:
                raise ValueError(
                    f"Line {number} of {path} is not a name and a bcrypt hash: "
                    "make it with `htpasswd -B`."
                )
            passwords[name] = known
    if not passwords or "" in passwords:
        raise ValueError(f"{path} holds no one's password, or one without a name.")
    users = Users({same_name(name.strip()): known for name, known in passwords.items()})
    if users.costs:
        try:
            import bcrypt  # noqa: F401
        except ImportError:
            raise ValueError(
                f"The passwords in {path} are hashed, and bcrypt is not installed: {WAY_OUT}."
            ) from None
    return users


def _provider(name: str, people: str, environment: Mapping[str, str]) -> Provider:
    if name not in PROVIDERS.split():
        raise ValueError(
            f"LIVESTEM_LOGIN is neither a file nor a provider of OAuth ({PROVIDERS}), but “{name}”."
        )
    admitted = tuple(same_name(p.strip()) for p in people.split(",") if p.strip())
    if not admitted:
        raise ValueError(
            f"Say whom {name} may send: LIVESTEM_LOGIN={name}:anna,ben or "
            f"{name}:@example.org, or {name}:* for everyone who has an account there."
        )
    needed = ("PANEL_OAUTH_KEY", "PANEL_OAUTH_SECRET")
    missing = [key for key in needed if not environment.get(key, "").strip()]
    if missing:
        raise ValueError(
            f"For a login by {name} set {' and '.join(missing)} too: {name} gave them to you "
            "when the server was registered there."
        )
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise ValueError(f"A login by {name} needs cryptography: {WAY_OUT}.") from None
    return Provider(name, admitted)


def cost_of(known: str) -> int | None:
    """The cost of a bcrypt hash; None of what is none, such as a password in plain text."""
    found = HASH.fullmatch(known)
    return int(found[1]) if found else None


def _is(secret: bytes, known: str) -> bool:
    from bcrypt import checkpw

    try:
        return checkpw(secret, known.encode())
    except ValueError:  # beyond the 72 bytes that bcrypt looks at
        return False
