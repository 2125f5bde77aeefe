from app.pipeline.stage import Stage
from app.rooms.relayed import RELAYED, Relayed
from tests.support.room_pages import make_room


def test_every_result_of_a_stage_is_shown_and_each_is_there():
    relayed = Relayed(make_room()[0].pipeline)
    names = relayed.names()
    assert set(names) == {*RELAYED, "fitted"}
    for group, shown in names.items():
        source = relayed.sources[group]
        assert set(shown) <= set(source.param)
        assert len(set(shown)) == len(shown)
        if group in ("drawing", "resting") and isinstance(source, Stage):
            assert set(source.results()) - {"also"} <= set(shown)


def test_only_what_has_been_made_is_there():
    relayed = Relayed(make_room()[0].pipeline)
    assert ("fitted", "result") not in set(relayed.there())
    relayed.fitted.result = "found"
    assert ("fitted", "result") in set(relayed.there())
