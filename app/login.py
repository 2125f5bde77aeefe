"""Who may use a server: people with a password, or people whom an OAuth provider vouches for.

| LIVESTEM_LOGIN                  | lets in                                                       |
|---------------------------------|---------------------------------------------------------------|
| a path, such as /run/users      | who is in that file with the right password                   |
| github:anna,ben                 | these accounts of the provider                                |
| google:@lab.example.org         | every account whose name ends so                              |
| azure:*                         | everyone to whom the provider gives a token                   |

The password file is either that of `htpasswd -B` (a line `name:hash` for each, bcrypt), or JSON as
Panel's own login takes it ({"name": "password"}, in plain text). Panel does the rest: the form,
the signed cookie, OAuth.
"""

import hmac
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

BCRYPT = ("$2a$", "$2b$", "$2y$")
# Of a password nobody has: an unknown name takes as long to refuse as a known one.
NOBODY = "$2b$12$waTOxU0FDbJRwdr5FdH39uwZ8PtVCJc9Ia.kVh5hBeBXKv/fsRuqm"
PROVIDERS = "auth0 auth_code azure azurev2 bitbucket generic github gitlab google okta"
"""As Panel calls them. It is not asked: Bokeh, which it imports, must find the keys set."""
WAY_OUT = "pip install 'livestem[login]'"

_one_at_a_time = ThreadPoolExecutor(1, thread_name_prefix="livestem-login")


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
        return name in self.passwords

    def match(self, name: str, password: str) -> bool:
        """Whether it is that person's password."""
        known = self.passwords.get(name, NOBODY if self.hashed else "")
        if known.startswith(BCRYPT):
            from bcrypt import checkpw

            try:
                right = checkpw(password.encode(), known.encode())
            except ValueError:  # beyond the 72 bytes that bcrypt looks at
                return False
        else:
            right = hmac.compare_digest(password.encode(), known.encode())
        return right and name in self.passwords

    @property
    def hashed(self) -> bool:
        """Whether the file holds no password in plain text."""
        return all(known.startswith(BCRYPT) for known in self.passwords.values())

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
        name = name.casefold()
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
        raise ValueError(f"The passwords in {path} cannot be read: {_why(error)}.") from None
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
            if not known.startswith(BCRYPT):
                raise ValueError(
                    f"Line {number} of {path} is not a name and a bcrypt hash: "
                    "make it with `htpasswd -B`."
                )
            passwords[name] = known
    if not passwords or "" in passwords:
        raise ValueError(f"{path} holds no one's password, or one without a name.")
    users = Users(passwords)
    if any(known.startswith(BCRYPT) for known in passwords.values()):
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
    admitted = tuple(p.strip().casefold() for p in people.split(",") if p.strip())
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


def guard(login: Users | Provider, *, also: str, **templates):
    """Bokeh's guardian of every page, file and websocket of the server.

    Parameters
    ----------
    login : Users or Provider
        Who is let in; somebody known who is not gets "403 Forbidden".
    also : str
        The health check's name, which is let in too.
    templates : path-like
        `login_template`, `logout_template`, `error_template`, as Panel's providers take them.
    """
    from panel.auth import BasicAuthProvider, BasicLoginHandler, OAuthProvider
    from tornado.ioloop import IOLoop
    from tornado.web import HTTPError

    def admitted(user):
        # A cookie lives longer than a place on the list.
        if user is not None and user != also and not login.admits(user):
            raise HTTPError(403, reason="This account may not use this server")
        return user

    class OAuth(OAuthProvider):
        @property
        def get_user_async(self):
            inner = super().get_user_async

            async def get_user(handler):
                return admitted(await inner(handler))

            return get_user

    class PasswordForm(BasicLoginHandler):
        async def post(self):
            name, password = (self.get_argument(n, "") for n in ("username", "password"))
            # Slow on purpose, so not on the thread that serves everyone; and one guess at a time.
            self._right = await IOLoop.current().run_in_executor(
                _one_at_a_time, login.match, name, password
            )
            if self._right:
                super().post()
                return
            said = {"error": "Invalid username or password!"}
            if where := self.get_cookie("next_url"):
                said["next"] = where  # Panel's own answer forgets it, and with it a shared link
            self.redirect(f"{self.request.path}?{urlencode(said)}")

        def _validate(self, username, password):
            return self._right

    class Passwords(BasicAuthProvider):
        @property
        def get_user(self):
            inner = super().get_user
            return lambda handler: admitted(inner(handler))

        @property
        def login_handler(self):
            form = super().login_handler
            PasswordForm._login_endpoint = form._login_endpoint
            PasswordForm._login_template = form._login_template
            return PasswordForm

    return (Passwords if isinstance(login, Users) else OAuth)(**templates)


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or "it is not text").lower()
