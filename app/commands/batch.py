"""`livestem batch`: one recipe over many scans, and a table of what was found."""

import tomllib
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands import paths
from app.commands.chosen import chosen
from app.commands.clusters import beyond, cluster_at
from app.commands.console import progress
from app.commands.reconstruct import reconstruct

FAILED = 1
"""Exit code where some scans failed and others did not."""

CSV, HTML = "table.csv", "table.html"


def _from_settings(context: typer.Context, path: Path | None) -> Path | None:
    """Take what a file says for the options that are not typed."""
    if path is None or context.resilient_parsing:
        return path
    known = {each.name: each for each in context.command.params}
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML file: {error}.") from error
    defaults: dict[str, Any] = {}
    for name, value in said.items():
        option = known.get(name.replace("-", "_"))
        if option is None or option.name in OWN:
            raise ValueError(
                f"{path}: “{name}” is no setting; settings are called as the options of "
                "`livestem reconstruct`, such as energy-kev."
            )
        defaults[option.name] = _as_typed(path, option, name, value)
    context.default_map = defaults
    return path


def _as_typed(path: Path, option, name: str, value):
    """A value of a file as it would be typed."""
    if option.is_flag != isinstance(value, bool) or isinstance(value, dict):
        kind = "true or false" if option.is_flag else "a number or a text"
        raise ValueError(f"{path}: {name} must be {kind}, not {value!r}.")
    if option.is_flag:
        return value
    if option.multiple:
        return [str(each) for each in (value if isinstance(value, list) else [value])]
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def batch(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER|PATTERN|LIST|FILE…",
            help="Scans: folders, patterns, files, or text files (.txt) that name one a line.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for results and table.")
    ],
    settings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="File of the options below, such as `energy-kev = 80`; what is typed wins.",
            exists=True,
            dir_okay=False,
            is_eager=True,
            callback=_from_settings,
        ),
    ] = None,
    page: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where livestem serves the first folder: links in the table open a scan there.",
        ),
    ] = "http://localhost:5006/app",
    **asked,
):
    """Reconstruct many scans, and put what was found side by side: table.csv and table.html.

    A scan whose results are there is not done again unless it, the settings or livestem changed. A
    scan that fails costs no other; the exit code is then 1.
    """
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file: name a folder for the results.")
    choices, reading = chosen(asked)
    connect = beyond(choices.device)
    from recon.batch.many import reconstruct_many, scans_of

    scans = scans_of(sources, leave_out=output)
    output.mkdir(parents=True, exist_ok=True)
    paths.output_file(output / CSV)
    root = next((each for each in sources if each.is_dir()), scans[0].parent)
    done: list = []
    scans_in_all = "1 scan" if len(scans) == 1 else f"{len(scans)} scans"
    with cluster_at(asked["cluster"], choices.device) as workers, progress() as report:

        def told(task: str, fraction: float) -> None:
            # One bar for all, from whose pace the remaining time is told.
            report(scans_in_all, (len(done) + fraction) / len(scans))

        try:
            how = {"reading": reading, "report": told, "cluster": workers}
            how["beyond"] = connect and cache(connect)
            for each in reconstruct_many(scans, output, choices, **how):
                done.append(each)
                told(each.scan.name, 0.0)
                typer.echo(_said(each))
        finally:
            # Whoever stops it has a table of what was done.
            if done:
                _write_tables(output, done, page, root)
    failed = sum(each.state == "failed" for each in done)
    typer.echo(f"{len(done) - failed} of {len(done)} scans reconstructed: {output / HTML}")
    if failed:
        raise typer.Exit(FAILED)


def _said(done) -> str:
    if done.state == "failed":
        return f"{done.scan.name}: failed. {done.sentence}"
    if done.state == "unchanged":
        return f"{done.scan.name}: unchanged, not done again."
    return f"{done.scan.name}: {done.results.name}, {done.parameters['batch']['seconds']:.1f} s"


def _write_tables(output: Path, done: list, page: str, root: Path) -> None:
    from app.commands.batch_page import write_page
    from recon.batch.table import row, write_csv

    write_csv(output / CSV, [row(each) for each in done])
    write_page(output / HTML, done, page, root)


def _with_options_of(command):
    """`batch` with the options of another command in place of **asked, as Typer looks at it."""
    own = [p for p in signature(batch).parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    taken = [
        each.replace(kind=Parameter.KEYWORD_ONLY)
        for each in signature(command).parameters.values()
        if each.name not in ("file", "output", "report", "page")
    ]
    batch.__signature__ = signature(batch).replace(parameters=[*own, *taken])
    batch.__annotations__ |= {each.name: each.annotation for each in taken}
    return tuple(each.name for each in own)


OWN = _with_options_of(reconstruct)
"""Options that a file of settings does not say."""
