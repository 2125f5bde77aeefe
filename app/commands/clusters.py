"""The option that has the workers of a cluster do the work."""

import os
from contextlib import contextmanager
from typing import Annotated

import typer


def cluster(text: str) -> str:
    """local, local:N or the address of a Dask scheduler."""
    from recon.cluster.address import check_address  # `--help` answers without

    try:
        return check_address(text.strip())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Workers = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="local[:N]|ADDRESS",
        parser=cluster,
        help="Have the workers of a Dask cluster compute: N made on this machine, or those of the "
        "scheduler at ADDRESS, such as tls://name:8786.",
        show_default=False,
        rich_help_panel="This machine",
    ),
]
"""The option as commands take it."""


def beyond(device: str = "auto"):
    """What connects the cluster that Dask's own variable names, or None: see `livestem serve`."""
    from recon.cluster.address import BEYOND, check_address  # `--help` answers without

    address = os.environ.get(BEYOND, "").strip()
    if not address:
        return None
    try:
        check_address(address)
    except ValueError as error:
        raise ValueError(f"{BEYOND}: {error}") from error

    def connect():
        from recon.cluster.connection import Cluster  # Dask's, which others need not have

        found = Cluster(address, device=device)
        typer.echo(f"Too large for this machine: on {found.state().line}.")
        return found

    return connect


@contextmanager
def cluster_at(address: str | None, device: str = "auto"):
    """The cluster at an address while the command runs; None without one."""
    if address is None:
        yield None
        return
    from recon.cluster.connection import Cluster  # Dask's, which others need not have

    with Cluster(address, device=device) as found:
        typer.echo(f"Cluster: {found.state().line}.")
        yield found
