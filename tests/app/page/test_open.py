"""What is put into a session's document."""

from bokeh.document import Document

from app.page.open import LETTERS, THEME, template
from tests.support.pages import image, instrument, publish_all  # noqa: F401 - fixtures


def test_every_word_in_a_figure_has_letters_that_exist(instrument, image):
    publish_all(instrument, image)
    document = Document()
    document.theme = THEME
    template(instrument)._init_doc(document)
    fonts = {
        (type(model).__name__, name): value
        for model in document.models
        for name, value in model.properties_with_values().items()
        if name.endswith("_font")
    }
    kinds = {kind for kind, _ in fonts}
    assert {"LinearAxis", "ColorBar", "ScaleBar", "Text"} <= kinds
    wrong = {key: value for key, value in fonts.items() if value not in (LETTERS, _same(LETTERS))}
    assert wrong == {}
    # A computer that has none of those that are named has the last.
    assert LETTERS.endswith("sans-serif")


def _same(letters):
    from bokeh.core.properties import value

    return value(letters)
