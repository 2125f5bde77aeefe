"""What README and guide say of serving is true: the settings, the compose file, the commands."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

import app.server.config
from app.server.config import settings_from
from tests.support.paths import ROOT
from tests.support.surroundings import KEPT

PAGES = [ROOT / "README.md", *sorted((ROOT / "assets/guide").glob("*.md"))]
README = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
SETTING = r"LIVESTEM_[A-Z_]*[A-Z]"


@pytest.fixture(scope="module")
def dockerfile():
    from tests.container import dockerfile

    return dockerfile


@pytest.fixture(scope="module")
def image(dockerfile):
    """What the Dockerfile says of running it."""
    made = dockerfile.Image()
    for step in dockerfile.read((ROOT / "Dockerfile").read_text())[-1].steps:
        if step.name not in ("RUN", "COPY"):
            dockerfile.settle(made, step, {})
    return made


@pytest.fixture(scope="module")
def service():
    """The compose file's one service, and the whole of the file."""
    text = re.search(r"<!-- compose -->\s+```yaml\n(.+?)\n```", README, re.DOTALL)[1]
    whole = yaml.safe_load(text)
    (found,) = whole["services"].values()
    return found, whole


def test_settings_of_the_readme_are_those_of_the_program():
    rows = re.findall(rf"^\| *({SETTING})", app.server.config.__doc__, re.MULTILINE)
    assert {name for name in re.findall(SETTING, README) if not name.startswith(KEPT)} == set(rows)
    assert len(rows) == len(set(rows))


def test_settings_of_the_image_exist(image, service):
    known = set(re.findall(SETTING, app.server.config.__doc__))
    names = {name for name in image.env if name.startswith("LIVESTEM_")}
    assert names <= known
    assert set(service[0]["environment"]) <= known


def test_the_program_reads_every_setting_of_its_table():
    read = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py")
    ).replace(app.server.config.__doc__, "")
    for name in re.findall(SETTING, app.server.config.__doc__):
        assert f'"{name}"' in read, name


def test_compose_keeps_what_lasts_in_volumes_and_scans_from_being_written(image, service):
    found, whole = service
    mounts = [volume.split(":") for volume in found["volumes"]]
    assert {mount[1] for mount in mounts} == {"/data", *image.volumes}
    (data,) = (mount for mount in mounts if mount[1] == image.env["LIVESTEM_DATA"])
    assert data[2] == "ro"
    assert {mount[0] for mount in mounts if not mount[0].startswith("/")} == set(whole["volumes"])
    assert found["read_only"] is True
    assert found["tmpfs"] == ["/tmp"]


def test_compose_gives_a_gpu_a_login_and_no_rights(service):
    found, whole = service
    (device,) = found["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]
    (secret,) = found["secrets"]
    assert found["environment"]["LIVESTEM_LOGIN"] == f"/run/secrets/{secret}"
    assert set(whole["secrets"]) == {secret}
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in found["ports"])


def test_compose_asks_after_the_servers_health_as_the_image_does(image, service):
    assert service[0]["healthcheck"]["test"] == ["CMD", *image.health]


def test_compose_waits_for_the_end_as_long_as_the_images_test_does(dockerfile, service):
    from tests.container import running

    assert service[0]["stop_grace_period"] == f"{running.STOP_S}s"


def test_compose_runs_what_the_image_takes(dockerfile, image, service):
    from app.commands.serve import serve

    (option,) = service[0]["command"]
    assert option.removeprefix("--").replace("-", "_") in serve.__annotations__
    assert service[0]["build"]["args"]["CUDA"] in ("12", "13", "none")


def test_one_line_runs_it_with_a_gpu_and_one_without(image):
    lines = dict.fromkeys(re.findall(r"^docker run .*$", README, re.MULTILINE))
    assert [("--gpus" in line) for line in lines] == [True, False]
    port = image.env["LIVESTEM_PORT"]
    for line in lines:
        words = shlex.split(line)
        assert words[-1] == "livestem"
        assert f"127.0.0.1:{port}:{port}" in words
        mounted = {word.split(":")[1] for word in words if word.startswith(("/path", "livestem:"))}
        assert mounted == {"/data", image.env["LIVESTEM_CACHE"]}
        assert "/path/to/scans:/data:ro" in words


def test_extras_of_the_readme_exist():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = set(re.findall(r"\.?\[(\w+)\]['`]", README))
    assert {"gpu", "gpu13", "login", "dev"} <= named
    assert named <= set(extras)


def test_the_images_settings_are_accepted(image, tmp_path):
    env = {k: v for k, v in image.env.items() if k.startswith("LIVESTEM_")}
    env["LIVESTEM_DATA"] = str(tmp_path)
    found = settings_from(env)
    assert (found.cache, found.results) == (Path("/var/cache/livestem"), Path("/results"))
