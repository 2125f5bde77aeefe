"""What went wrong with a file, in a sentence."""

LONGEST_SENTENCE = 600
"""Characters."""


def sentence(error: Exception) -> str:
    """What an error says, as one sentence of bounded length."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    # Libraries quote a damaged file at any length.
    text = " ".join(text.split())
    text = text if len(text) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]}…"
    return text if text.endswith((".", "?", "!")) else f"{text}."
