"""What a reader is told beyond the scan's shape."""

from recon.errors import UnreadableFile


def checked(options, reader) -> dict:
    """The options that were given, all of them known to the reader.

    Parameters
    ----------
    options : mapping of str to value
        Those that are None count as not given.
    reader : module
        Its OPTIONS are known, if it has any.

    Raises
    ------
    UnreadableFile
        If the reader does not know one of them.
    """
    known = getattr(reader, "OPTIONS", {})
    given = {name: value for name, value in options.items() if value is not None}
    if unknown := sorted(set(given) - set(known)):
        names = ", ".join(known) or "none"
        raise UnreadableFile(
            f"{reader.NAME} knows no option {', '.join(unknown)} (its options: {names})"
        )
    return given
