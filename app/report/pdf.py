"""A report as PDF: the same page, set on A4 by WeasyPrint."""

HOW = (
    "A report in PDF is set by WeasyPrint: pip install 'livestem[pdf]' (it needs the system's "
    "Pango: on Debian, apt-get install libpango-1.0-0 libpangoft2-1.0-0). Or name the report in "
    ".html and print that from a browser."
)


def required() -> None:
    """See to it that PDF can be made, before any work.

    Raises
    ------
    ValueError
        With what to install.
    """
    _weasyprint()


def as_pdf(text: str) -> bytes:
    """The content of a PDF file.

    Parameters
    ----------
    text : str
        As `app.report.sheet.report` gives it. Nothing that it names elsewhere is fetched.

    Raises
    ------
    ValueError
        With what to install, if that is missing.
    """
    library = _weasyprint()
    embedded = library.URLFetcher(allowed_protocols=("data",))
    return library.HTML(string=text, url_fetcher=embedded).write_pdf()


def _weasyprint():
    # Beside the report's other form; it takes a second, and may not be there.
    try:
        import weasyprint
    except (ImportError, OSError) as missing:  # OSError: Pango
        raise ValueError(HOW) from missing
    return weasyprint
