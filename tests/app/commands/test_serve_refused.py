"""What `livestem serve` will not do, said in one sentence before anything listens."""

import pytest

from app.cli import main
from app.server.login import NOBODY
from app.server.serving import Place, host_names


@pytest.fixture
def refusal(capsys, monkeypatch, tmp_path):
    """The sentence with which the command ends; a server that starts is an error."""

    def never(served):
        pytest.fail("it started")

    def run(*arguments, **environment):
        monkeypatch.setattr("app.commands.serve._run", never)
        monkeypatch.setenv("LIVESTEM_CACHE", str(tmp_path))
        monkeypatch.setenv("LIVESTEM_DEVICE", "auto")  # what the command sets is taken back
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert main(["serve", "--no-open", "--port", "0", *arguments]) == 2
        said, sentence = capsys.readouterr()
        assert said == ""
        assert len(sentence.strip().splitlines()) == 1
        return sentence

    return run


def test_to_listen_for_everyone_without_a_name(refusal):
    assert "LIVESTEM_HOST" in refusal("--address", "0.0.0.0")
    assert "LIVESTEM_HOST" in refusal("--address", "::")


@pytest.mark.parametrize("name", ["*", "*.example.org", "http://a.org", "a.org/app", "a.org:x"])
def test_a_name_that_is_none_or_lets_in_every_site(refusal, name):
    assert "name" in refusal("--address", "0.0.0.0", LIVESTEM_HOST=name)


def test_a_file_that_is_no_scan_and_a_port_that_is_none(refusal, tmp_path):
    (tmp_path / "text.h5").write_text("no scan")
    assert "is no scan in a known format" in refusal(str(tmp_path / "text.h5"))
    assert "0 to 65535" in refusal("--port", "70000")


def test_settings_that_make_no_sense(refusal):
    assert "LIVESTEM_MEMORY_GB" in refusal(LIVESTEM_MEMORY_GB="lots")


def test_a_device_that_is_none(refusal):
    assert "gpu" in refusal("--device", "tpu")


def test_a_login_that_cannot_be(refusal, tmp_path):
    assert "no such file" in refusal("--login", str(tmp_path / "absent.json"))
    assert "github:anna" in refusal(LIVESTEM_LOGIN="github")


def test_a_gpu_where_there_is_none(refusal, monkeypatch):
    from recon.device.failure import DeviceError

    def none():
        raise DeviceError("No GPU here: choose cpu.")

    monkeypatch.setattr("recon.device.backend.gpu", none)
    assert "No GPU here" in refusal("--device", "gpu")


@pytest.fixture
def started(capsys, monkeypatch, tmp_path):
    """What the command would serve, and what it said."""

    def run(*arguments, **environment):
        seen = []
        monkeypatch.setattr("app.commands.serve._run", seen.append)
        monkeypatch.setenv("LIVESTEM_CACHE", str(tmp_path))
        monkeypatch.setenv("LIVESTEM_DEVICE", "auto")  # what the command sets is taken back
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert main(["serve", "--no-open", *arguments]) == 0
        return seen[0], capsys.readouterr().out

    return run


def test_settings_come_from_the_environment_too(started):
    served, _ = started(LIVESTEM_HOST="localhost, lab.example.org", LIVESTEM_PREFIX="stem")
    assert served.place.names == ("localhost", "lab.example.org")
    assert served.place.prefix == "stem"
    assert served.login is None


def test_the_wanted_device_is_the_servers_setting(started):
    import os

    started("--device", "cpu", "--port", "0")
    assert os.environ["LIVESTEM_DEVICE"] == "cpu"


def test_an_open_server_with_a_name_says_that_it_is_open(started):
    assert "may open every scan" in started("--port", "0", LIVESTEM_HOST="lab.example.org")[1]
    assert started("--port", "0", LIVESTEM_HOST="localhost:80")[1] == ""


def test_plain_passwords_are_mentioned(started, tmp_path):
    (tmp_path / "users.json").write_text('{"anna": "x"}')
    served, said = started("--port", "0", "--login", str(tmp_path / "users.json"))
    assert served.login.match("anna", "x")
    assert "htpasswd -B" in said


@pytest.mark.parametrize(("cost", "said"), [("05", True), ("12", False)])
def test_hashes_that_are_cheap_to_guess_at_are_mentioned(started, tmp_path, cost, said):
    path = tmp_path / "users"
    path.write_text(f"anna:$2y${cost}$" + NOBODY[7:])
    words = started("--port", "0", "--login", str(path))[1]
    assert ("cost 5" in words and "htpasswd -B -C 12" in words) == said
    assert (words == "") != said


@pytest.mark.parametrize(
    ("names", "origins"),
    [
        ((), []),
        (("lab.example.org",), ["lab.example.org", "lab.example.org:5006"]),
        (("lab.example.org:80",), ["lab.example.org:80"]),
        (("[::1]",), ["[::1]", "[::1]:5006"]),
    ],
)
def test_sites_that_may_open_sessions(names, origins):
    own = ["localhost:5006", "127.0.0.1:5006"]
    assert Place(5006, "0.0.0.0", host_names(names)).origins() == [*own, *origins]


def test_an_address_is_a_name_of_its_own():
    assert "10.0.0.5:80" in Place(80, "10.0.0.5").origins()


def test_devices_to_choose_from_are_those_there_are():
    from typing import get_args, get_type_hints

    from app.commands.serve import serve
    from recon.device.backend import DEVICES

    literal, _ = get_args(get_type_hints(serve)["device"])
    assert get_args(literal) == DEVICES


def test_what_is_told_of_a_microscope_without_one(refusal):
    assert "--live" in refusal("--patience-s", "60", LIVESTEM_LIVE="")
    assert "--live" in refusal("--scan-shape", "64,64", LIVESTEM_LIVE="")
    assert "positive" in refusal("--live", "accos:tcp://a:1", "--patience-s", "0")
