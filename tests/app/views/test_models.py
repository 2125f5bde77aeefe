"""Bokeh looks through a document where there may be new models, and only there."""

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource, LinearColorMapper
from bokeh.plotting import figure

from app.drawing.display import Extent
from app.views.image import FieldView, ImageView
from app.views.models import looked_through_if_new
from app.views.tiles import TilesView


@pytest.fixture
def looks(monkeypatch):
    """How often a document was looked through since."""
    from bokeh.document.models import DocumentModelManager

    plain, seen = DocumentModelManager.recompute, []

    def recompute(self):
        seen.append(self)
        plain(self)

    monkeypatch.setattr(DocumentModelManager, "recompute", recompute)
    return seen


def in_a_document(view):
    document = Document()
    document.add_root(view.figure)
    return document


@pytest.mark.parametrize(
    ("view", "picture"),
    [(ImageView, (6, 8)), (FieldView, (6, 8, 2)), (TilesView, (3, 6, 8))],
)
def test_a_picture_of_the_same_models_has_no_document_looked_through(looks, view, picture):
    drawn, values = view(), np.random.default_rng(1).random(picture)
    document = in_a_document(drawn)
    drawn.show(values)
    looks.clear()
    known = set(document.models)
    try:
        for factor in (2, 3):
            drawn.show(factor * values)
        assert looks == []
        assert set(document.models) == known == drawn.figure.references()
    finally:
        drawn.close()


def test_a_new_model_is_taken_in_and_an_old_one_let_go(looks):
    fig, document = figure(), Document()
    glyph = fig.image("image", source=ColumnDataSource({"image": [np.zeros((2, 2))]}))
    document.add_root(fig)
    looks.clear()
    last, mapper = glyph.glyph.color_mapper, LinearColorMapper()
    with looked_through_if_new(document):
        glyph.glyph.color_mapper = mapper
        with document.models.freeze():  # as HoloViews does around each picture
            fig.title.text = "other"
        assert looks == []
    assert len(looks) == 1
    assert mapper.document is document
    assert last.document is None
    with pytest.raises(KeyError), looked_through_if_new(document):
        raise KeyError
    assert len(looks) == 1
    fig.title = "new"
    assert len(looks) > 1  # as before, outside of it


def test_within_others_it_is_they_who_look(looks):
    fig, document = figure(), Document()
    document.add_root(fig)
    looks.clear()
    with document.models.freeze(), looked_through_if_new(document):
        fig.xaxis[0].ticker = fig.yaxis[0].ticker
        assert looks == []
    assert len(looks) == 1


def test_a_figure_without_a_document_is_drawn(looks):
    drawn = ImageView()
    drawn.show(np.eye(4), Extent(0.0, 4.0, 0.0, 4.0))
    assert drawn.source.data["image"][0].shape == (4, 4)
    assert looks == []
    drawn.close()
