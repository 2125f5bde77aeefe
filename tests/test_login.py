"""Who may use a server."""

import json

import pytest

from app.login import BCRYPT, NOBODY, PROVIDERS, Provider, Users, login_from, read_users

bcrypt = pytest.importorskip("bcrypt")


def hashed(password):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def htpasswd(tmp_path):
    path = tmp_path / "users"
    # As `htpasswd -B` writes it, which calls the same hash 2y.
    path.write_text(f"# the lab\nanna:{hashed('Schlüssel').replace('$2b$', '$2y$')}\n\n")
    return path


def test_a_hashed_password_lets_in_and_nothing_else_does(htpasswd):
    users = login_from(str(htpasswd))
    assert users.hashed
    assert users.match("anna", "Schlüssel")
    assert users.admits("anna")
    for name, password in [
        ("anna", "schlüssel"),
        ("anna", ""),
        ("anna", users.passwords["anna"]),
        ("ben", "Schlüssel"),
        ("", ""),
        ("anna", "x" * 100),
    ]:
        assert not users.match(name, password)
    assert not users.admits("ben")


def test_plain_passwords_as_panel_takes_them(tmp_path):
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"anna": "one", "ben": "zwölf"}))
    users = read_users(path)
    assert not users.hashed
    assert users.match("ben", "zwölf")
    assert not users.match("ben", "one")
    assert not users.match("carla", "")


def test_nobody_has_nobodys_password():
    assert NOBODY.startswith(BCRYPT)
    assert not bcrypt.checkpw(b"", NOBODY.encode())
    users = Users({"anna": hashed("x")})
    assert not users.match("nobody", "x")


def test_passwords_do_not_show():
    assert "secret" not in repr(Users({"anna": "secret"}))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no one's password"),
        ("{}", "no one's password"),
        ("{", "no valid JSON"),
        ('{"anna": null}', "has no password"),
        ('{"anna": ""}', "has no password"),
        ('{"": "x"}', "without a name"),
        ("anna:secret", "Line 1"),
        ("anna:$apr1$secret", "htpasswd -B"),
        (b"\xff\xfe", "not text"),
    ],
)
def test_a_file_that_holds_no_passwords_is_refused_without_showing_any(tmp_path, text, sentence):
    path = tmp_path / "users"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=sentence) as caught:
        login_from(str(path))
    assert "secret" not in str(caught.value)


GIVEN = {"PANEL_OAUTH_KEY": "key", "PANEL_OAUTH_SECRET": "secret"}


@pytest.mark.parametrize(
    ("people", "come", "stay_out"),
    [
        ("anna,Ben", ["anna", "ANNA", "ben"], ["anna2", "", "carla"]),
        ("@lab.example.org", ["anna@lab.example.org"], ["a@xlab.example.org", "@lab.example.org"]),
        ("*", ["anyone"], []),
    ],
)
def test_a_provider_sends_only_whom_it_may(people, come, stay_out):
    provider = login_from(f"google:{people}", GIVEN)
    assert isinstance(provider, Provider)
    assert all(provider.admits(name) for name in come)
    assert not any(provider.admits(name) for name in stay_out)


@pytest.mark.parametrize(
    ("text", "given", "sentence"),
    [
        ("github", GIVEN, "github:anna,ben"),
        ("github:", GIVEN, "github:anna,ben"),
        ("github: ,", GIVEN, "github:anna,ben"),
        ("github:anna", {}, "PANEL_OAUTH_KEY and PANEL_OAUTH_SECRET"),
        ("github:anna", {"PANEL_OAUTH_KEY": "x"}, "set PANEL_OAUTH_SECRET"),
        ("gihtub:anna", GIVEN, "neither a file nor a provider"),
        ("basic:anna", GIVEN, "neither a file nor a provider"),
        ("/run/absent", GIVEN, "no such file"),
        ("users.json", GIVEN, "no such file"),
    ],
)
def test_what_is_missing_for_a_login_is_said(text, given, sentence):
    with pytest.raises(ValueError, match=sentence):
        login_from(text, given)


def test_without_the_setting_everyone_is_welcome():
    assert login_from("") is login_from("  ") is None


def test_providers_are_those_that_panel_knows_how_to_ask():
    from panel.auth import AUTH_PROVIDERS

    assert set(PROVIDERS.split()) == set(AUTH_PROVIDERS) - {"basic", "pam", "password"}
