"""Who may use a server."""

import json

import pytest

from app.server.login import BCRYPT, NOBODY, PROVIDERS, Provider, Users, login_from, read_users

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


def test_a_password_keeps_the_spaces_at_its_ends():
    users = Users({"anna": hashed(" right "), "ben": "plain "})
    assert users.match("anna", " right ")
    assert users.match("ben", "plain ")
    for name, password in [("anna", "right"), ("anna", " right"), ("ben", "plain")]:
        assert not users.match(name, password)


def test_a_name_is_the_same_in_both_ways_of_writing_its_letters(tmp_path):
    path = tmp_path / "users"
    path.write_text(f"Jo\u0308rg:{hashed('x')}\n", encoding="utf-8")
    users = read_users(path)
    assert users.match("J\u00f6rg", "x")
    assert users.match("Jo\u0308rg", "x")
    assert not users.match("JÖRG", "x")


@pytest.mark.parametrize("costs", [(4,), (5, 4), (4, None), (5, 6, 4)])
def test_every_name_costs_the_same_work(monkeypatch, costs):
    """What is compared for whom: the time follows from it, and is not measured here."""
    people = {
        f"user{number}": "plain" if cost is None else f"$2b${cost:02}$" + NOBODY[7:]
        for number, cost in enumerate(costs)
    }
    users, compared = Users(people), []
    monkeypatch.setattr(bcrypt, "checkpw", lambda secret, known: bool(compared.append(known)))
    work = set()
    for name in [*people, "nobody", "", "x" * 1000]:
        compared.clear()
        users.match(name, "wrong")
        work.add(tuple(known[4:6] for known in compared))
    assert len(work) == 1
    assert work.pop() == tuple(sorted(f"{cost:02}".encode() for cost in costs if cost))


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
        ("anna:$2y$05$secret", "htpasswd -B"),
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
        ("anna,Ben", ["anna", "Ben"], ["ANNA", "ben", "anna2", "", "carla"]),
        # Letters that are one another's case, or look alike, are other people's.
        ("sam,kim,strasse", ["sam"], ["ſam", "SAM", "\u212aim", "straße", "ｓam"]),
        # One letter in two ways of writing it (NFC, NFD) is one.
        ("J\u00f6rg", ["J\u00f6rg", "Jo\u0308rg"], ["Jorg", "jörg"]),
        ("Jo\u0308rg", ["J\u00f6rg", "Jo\u0308rg"], []),
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
