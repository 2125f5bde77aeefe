"""A Dockerfile as a list of stages, each a base and the steps that follow it."""

import json
import re
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from dockerfile_parse import DockerfileParser

KNOWN = frozenset(
    {"FROM", "ARG", "COPY", "RUN"}
    | {"ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE"}
    | {"CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL"}
)


class Unsupported(ValueError):
    """The Dockerfile has something that is not understood here; the message says what."""


@dataclass(frozen=True)
class Step:
    """One instruction, continuation lines joined."""

    name: str
    """In capitals, such as RUN."""
    value: str
    line: int


@dataclass
class Stage:
    """What one FROM begins."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)


@dataclass
class Image:
    """What the last stage says about running it."""

    env: dict[str, str] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)
    """Of the build; they are not in the image."""
    user: str = "0:0"
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    stop: str = "SIGTERM"


def read(text: str, build_args: dict[str, str] | None = None) -> list[Stage]:
    """The stages of a Dockerfile.

    Raises
    ------
    Unsupported
        If it has an instruction that is not understood here.
    """
    parser = DockerfileParser(fileobj=BytesIO(text.encode()))
    given, common, stages = build_args or {}, {}, []
    for found in parser.structure:
        name, value, line = found["instruction"].upper(), found["value"], found["startline"] + 1
        if name == "COMMENT":
            continue
        if name not in KNOWN:
            raise Unsupported(f"line {line}: {name}")
        if name == "FROM":
            words = substitute(value, common).split()
            named = len(words) == 3 and words[1].upper() == "AS"
            if len(words) != 1 and not named:
                raise Unsupported(f"line {line}: FROM {value}")
            stages.append(Stage(words[0], words[2] if named else str(len(stages))))
        elif not stages:
            if name != "ARG":
                raise Unsupported(f"line {line}: {name} before FROM")
            common.update(argument(value, given, common))
        else:
            stages[-1].steps.append(Step(name, value, line))
    return stages


def argument(value: str, given: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    """What an ARG sets: the value given to the build, or its default."""
    name, _, default = value.partition("=")
    return {name: given.get(name, substitute(unquote(default), known))}


def settle(image: Image, step: Step, given: dict[str, str]) -> None:
    """Put into `image` what a step says that changes no file.

    ARG, ENV, USER, WORKDIR, VOLUME, EXPOSE, STOPSIGNAL, HEALTHCHECK, CMD and ENTRYPOINT.
    """
    known = image.args | image.env
    value = step.value
    if step.name == "ARG":
        image.args.update(argument(value, given, known))
    elif step.name == "ENV":
        image.env.update({k: substitute(unquote(v), known) for k, v in pairs(value)})
    elif step.name == "USER":
        user, _, group = substitute(value, known).partition(":")
        image.user = f"{user}:{group or '0'}"
    elif step.name == "WORKDIR":
        image.workdir = str(Path(image.workdir) / substitute(value, known))
    elif step.name == "VOLUME":
        image.volumes += exec_form(step)
    elif step.name == "STOPSIGNAL":
        image.stop = value.strip()
    elif step.name == "HEALTHCHECK":
        options, _, command = value.partition("CMD")
        if re.sub(r"--[a-z-]+=\S+", "", options).strip():
            raise Unsupported(f"line {step.line}: HEALTHCHECK {options}")
        image.health = exec_form(Step("CMD", command, step.line))
    elif step.name == "CMD":
        image.command = exec_form(step)
    elif step.name == "ENTRYPOINT":
        image.entrypoint, image.command = exec_form(step), []
    elif step.name != "EXPOSE":
        raise Unsupported(f"line {step.line}: {step.name}")


def exec_form(step: Step) -> list[str]:
    """The words of an instruction in JSON; the shell's form does not pass signals on."""
    try:
        words = json.loads(step.value)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Unsupported(f"line {step.line}: {step.name} is not in the exec form: {step.value}")
    return words


def pairs(value: str) -> list[tuple[str, str]]:
    """NAME=VALUE pairs of an ENV."""
    found = re.findall(r'([A-Za-z_]\w*)=("(?:\\.|[^"])*"|\S*)', value)
    if " ".join(f"{k}={v}" for k, v in found) != " ".join(value.split()):
        raise Unsupported(f"ENV {value}")
    return found


def unquote(text: str) -> str:
    """`text` without the quotes around it."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def substitute(text: str, known: dict[str, str]) -> str:
    """`text` with $NAME and ${NAME} replaced, unknown ones by nothing, as Docker does."""
    if re.search(r"\$\{\w+[^}\w]", text):
        raise Unsupported(f"{text}: only ${{NAME}} is understood")
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: known.get(m[1] or m[2], ""), text)
