"""Libraries that a stream needs and livestem does not."""

from importlib import import_module

from recon.live.source import LiveError


def wanted(name: str, what: str):
    """The module `name`.

    Raises
    ------
    LiveError
        If it is not installed: with what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise LiveError(
            f"{what} needs {name.partition('.')[0]}, which is not installed: "
            "`pip install 'livestem[live]'`."
        ) from error
