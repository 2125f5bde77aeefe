"""The Dockerfile, as far as it can be read; and the reader, against Docker's reference."""

from pathlib import Path

import pytest

from tests.container import dockerfile
from tests.container.dockerfile import Image, Step, Unsupported
from tests.support.paths import ROOT


def steps(text, given=None):
    """What the last stage of `text` says of running it."""
    image = Image()
    for step in dockerfile.read(text, given)[-1].steps:
        if step.name not in ("RUN", "COPY"):
            dockerfile.settle(image, step, given or {})
    return image


def test_stages_and_lines_that_go_on():
    first, last = dockerfile.read(
        "ARG TAG=1\n# a word\nFROM base:${TAG} AS one\nRUN a \\\n  && b\n\n"
        "FROM other\nCOPY --from=one /x /y\n",
        {"TAG": "2"},
    )
    assert (first.base, first.name, last.base) == ("base:2", "one", "other")
    (run,) = first.steps
    assert (run.name, run.line) == ("RUN", 4)
    assert run.value.split() == ["a", "&&", "b"]
    assert last.steps == [Step("COPY", "--from=one /x /y", 8)]


def test_variables_are_replaced_as_docker_does():
    image = steps(
        'FROM a\nARG X=1\nARG Y="two words"\nENV A=$X B="${Y}!" C=$NONE\nENV PATH=/new:$PATH\n'
        "USER 10:$X\nWORKDIR /a\nWORKDIR b\n"
    )
    assert image.env == {"A": "1", "B": "two words!", "C": "", "PATH": "/new:"}
    assert (image.user, image.workdir) == ("10:1", "/a/b")
    assert steps("FROM a\nARG X=1\nENV A=$X\n", {"X": "7"}).env == {"A": "7"}


def test_how_it_runs():
    image = steps(
        'FROM a\nUSER me\nCMD ["x"]\nENTRYPOINT ["run", "it"]\nVOLUME ["/v", "/w"]\n'
        "STOPSIGNAL SIGINT\n"
        'HEALTHCHECK --interval=5s --timeout=1s CMD ["look"]\n'
    )
    assert (image.entrypoint, image.command, image.health) == (["run", "it"], [], ["look"])
    assert (image.volumes, image.stop, image.user) == (["/v", "/w"], "SIGINT", "me:0")


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nADD x y\n",
        "FROM a\nONBUILD RUN x\n",
        "FROM --platform=linux/arm64 a\n",
        "RUN x\nFROM a\n",
        "FROM a\nENTRYPOINT run it\n",
        "FROM a\nENV A=${B:-c}\n",
        "FROM a\nENV A b\n",
        "FROM a\nHEALTHCHECK NONE\n",
    ],
)
def test_what_is_not_understood_is_said(text):
    with pytest.raises(Unsupported):
        steps(text)


@pytest.fixture(scope="module")
def image():
    return steps((ROOT / "Dockerfile").read_text())


def test_the_image_has_no_user_with_rights(image):
    uid, gid = image.user.split(":")
    assert int(uid) > 0
    assert gid == "0"


def test_the_image_is_stopped_by_a_signal_that_reaches_the_server(image):
    assert image.stop == "SIGTERM"
    assert image.entrypoint[:2] == ["livestem", "serve"]


def test_what_the_image_writes_lies_in_volumes(image):
    written = ("CACHE", "_HOME", "MPLCONFIGDIR", "RESULTS")
    folders = [v for k, v in image.env.items() if any(word in k for word in written) or k == "HOME"]
    assert len(folders) > 5
    for folder in folders:
        assert any(Path(folder).is_relative_to(volume) for volume in image.volumes), folder
    assert image.env["LIVESTEM_DATA"] == "/data"
    assert "/data" not in image.volumes


def test_the_image_listens_only_for_a_named_host(image):
    from app.server.serving import Place, check_reach, host_names

    address = image.entrypoint[image.entrypoint.index("--address") + 1]
    names = host_names([image.env["LIVESTEM_HOST"]])
    assert names == ("localhost",)
    check_reach(Place(int(image.env["LIVESTEM_PORT"]), address, names))


def test_the_image_holds_no_secret(image):
    assert not [name for name in image.env if "SECRET" in name or "KEY" in name]


def test_the_health_check_looks_at_the_page(image):
    assert image.health == ["python", "-m", "app.server.health_check"]


@pytest.mark.parametrize("cuda", ["12", "13", "none"])
def test_extras_that_the_image_installs_exist(cuda):
    import re
    import tomllib

    (install,) = (
        step.value
        for stage in dockerfile.read((ROOT / "Dockerfile").read_text(), {"CUDA": cuda})
        for step in stage.steps
        if "pip install" in step.value
    )
    found = re.search(rf"\b{cuda}\) extras=(\S+)", install)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(found[1].split(",")) <= set(extras)
    assert ("gpu" in found[1]) == (cuda != "none")
