"""Presets: what they hold, and that their file survives whatever writes it."""

import json
import stat
from threading import Barrier, Thread

import pytest

from app.recall import presets as module
from app.recall.preset_menu import held, taken, values_of
from app.recall.presets import Preset, PresetError, Presets
from app.state.experiment import Experiment

FOCUS = Preset("aberrations", {"defocus": "12"})


@pytest.fixture
def presets(tmp_path):
    return Presets(tmp_path / "presets", "anna")


def file_of(presets):
    return presets._path


def test_what_was_saved_is_there_for_another_session(presets, tmp_path):
    assert presets.all() == {}
    assert presets.save("  300 kV,   in focus ", FOCUS) == "300 kV, in focus"
    presets.save("a", Preset("settings", {"energy": "300"}))
    again = Presets(tmp_path / "presets", "anna").all()
    assert again == {"300 kV, in focus": FOCUS, "a": Preset("settings", {"energy": "300"})}
    assert list(again) == ["300 kV, in focus", "a"]
    presets.delete("a")
    presets.delete("a")
    assert list(presets.all()) == ["300 kV, in focus"]


def test_an_existing_one_is_replaced_only_if_that_is_wanted(presets):
    presets.save("a", FOCUS)
    other = Preset("aberrations", {"defocus": "13"})
    with pytest.raises(PresetError, match="“a” already"):
        presets.save("a", other)
    assert presets.all() == {"a": FOCUS}
    presets.save("a", other, overwrite=True)
    assert presets.all() == {"a": other}


@pytest.mark.parametrize("names", [("anna", "ben"), ("a/b", "a-b"), ("Anna", "anna"), (None, "")])
def test_users_have_their_own(tmp_path, names):
    first, second = (Presets(tmp_path, name) for name in names)
    first.save("a", FOCUS)
    assert second.all() == {}
    assert file_of(first).parent == file_of(second).parent == tmp_path


@pytest.mark.parametrize("user", ["../../etc/passwd", "x" * 500, "é\0\n", "."])
def test_a_users_name_never_leads_out_of_the_folder(tmp_path, user):
    presets = Presets(tmp_path, user)
    presets.save("a", FOCUS)
    assert file_of(presets) in tmp_path.iterdir()


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "Give"), (" \t ", "Give"), ("x" * 61, "61 characters; 60"), ("a\0b", "printed")],
)
def test_names_that_are_none_are_refused(presets, name, why):
    with pytest.raises(PresetError, match=why):
        presets.save(name, FOCUS)
    assert presets.all() == {}


def test_there_are_no_more_than_a_menu_can_show(presets, monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    for name in "abc":
        presets.save(name, FOCUS)
    with pytest.raises(PresetError, match="3 presets, which is the most"):
        presets.save("d", FOCUS)
    presets.save("c", Preset("settings"), overwrite=True)
    presets.delete("a")
    presets.save("d", FOCUS)
    assert list(presets.all()) == ["b", "c", "d"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"presets": []}',
        '{"presets": {"a": 3}}',
        '{"presets": {"a": {"kind": "all", "query": {}}}}',
        '{"presets": {"a": {"kind": "settings", "query": {"energy": 300}}}}',
        "[" * 5000,
    ],
)
def test_a_damaged_file_is_said_and_left_as_it_is(presets, content):
    presets.save("a", FOCUS)
    file_of(presets).write_text(content)
    with pytest.raises(PresetError, match=r"damaged.*presets/anna-"):
        presets.all()
    with pytest.raises(PresetError):
        presets.save("b", FOCUS)
    assert file_of(presets).read_text() == content


def test_a_file_that_is_too_large_or_no_text_is_not_read(presets, monkeypatch):
    presets.save("a", FOCUS)
    file_of(presets).write_bytes(b"\xff\xfe\0")
    with pytest.raises(PresetError, match="not text"):
        presets.all()
    monkeypatch.setattr(module, "LARGEST", 10)
    file_of(presets).write_text(" " * 11)
    with pytest.raises(PresetError, match="larger"):
        presets.all()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PresetError, match="cannot"):
        Presets(tmp_path / "file" / "presets").save("a", FOCUS)
    with pytest.raises(PresetError, match="keeps no presets"):
        Presets(None).save("a", FOCUS)


def test_a_write_that_fails_leaves_what_was_there(presets, monkeypatch):
    presets.save("a", FOCUS)

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "replace", full)
    with pytest.raises(PresetError, match="no space left"):
        presets.save("b", FOCUS)
    assert presets.all() == {"a": FOCUS}
    assert not [p for p in file_of(presets).parent.iterdir() if p.name.startswith(".")]


def test_nobody_else_on_the_machine_can_read_them(tmp_path):
    folder = tmp_path / "presets"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)  # as an earlier version made it
    presets = Presets(folder, "anna")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    presets.save("a", FOCUS)
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {".json": 0o600, ".lock": 0o600}

    Presets(tmp_path / "new", "anna").save("a", FOCUS)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_sessions_that_save_at_once_lose_nothing(tmp_path):
    start = Barrier(8)

    def save(number):
        start.wait()
        for n in range(5):
            Presets(tmp_path, "anna").save(f"{number} {n}", FOCUS)

    threads = [Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Presets(tmp_path, "anna").all()) == 40


# ---- what they hold ----


@pytest.fixture
def experiment():
    made = Experiment()
    made.scan.param.update(
        dataset="a.h5", energy_kev=80.0, semiangle_mrad=25.0, scan_step_y=0.3, scan_step_x=0.3
    )
    made.scan.param.update(rotation_deg=12.0, crop_top=3, fit_disc=False, radius=9.0)
    made.scan.settled = True
    made.aberrations.param.update(defocus=12.5, C30=-1.25)
    made.detector.param.update(bright_field_pixels=24, detector_left=5)
    made.display.param.update(theme="light", colour_map="viridis", view=(0, 1, 0, 1))
    return made


def test_a_preset_of_aberrations_holds_them_and_nothing_else(experiment):
    preset = taken(experiment, "aberrations")
    assert preset.query == {"defocus": "12.5", "C30": "-1.25"}
    values, sentences = values_of(Experiment(), preset)
    assert {part for part, _ in values} == {"aberrations"}
    assert len(values) == 25  # those that are zero, too
    assert values["aberrations", "defocus"] == 12.5
    assert values["aberrations", "C12a"] == 0
    assert sentences == []


def test_a_preset_of_everything_leaves_the_scan_and_the_view_alone(experiment):
    preset = taken(experiment, "settings")
    assert preset.query == {
        "energy": "80",
        "angle": "25",
        "rotation": "12",
        "defocus": "12.5",
        "C30": "-1.25",
        "pixels": "24",
        "colours": "viridis",
    }
    values, _ = values_of(Experiment(), preset)
    assert values["scan", "energy_kev"] == 80
    assert values["dpc", "iterations"] == Experiment().dpc.iterations
    names = {name for _, name in values}
    assert not names & {"dataset", "scan_step_x", "crop_top", "fit_disc", "radius", "view", "theme"}
    assert not names & {"detector_left", "frequencies", "slot_main", "shear"}


def test_an_unknown_energy_is_not_a_setting():
    experiment = Experiment()
    values, _ = values_of(experiment, taken(experiment, "settings"))
    assert ("scan", "energy_kev") not in values


def test_what_a_preset_cannot_set_is_told_and_left_as_it_is(experiment):
    preset = Preset(
        "settings", {"defocus": "1e99", "C30": "2", "colours": "pink", "dataset": "x", "new": "1"}
    )
    values, sentences = values_of(experiment, preset)
    assert len(sentences) == 4
    assert all(sentence.startswith("The preset's") for sentence in sentences)
    assert "defocus=1e99" in sentences[0]
    assert "between -1e+06 and 1e+06" in sentences[0]
    assert values["aberrations", "C30"] == 2
    assert ("aberrations", "defocus") not in values
    assert ("display", "colour_map") not in values
    assert ("scan", "dataset") not in values


def test_kinds_are_those_on_offer(experiment):
    with pytest.raises(PresetError, match="“all”"):
        taken(experiment, "all")
    assert set(held("aberrations").values()) < set(held("settings").values())


def test_a_file_is_readable_json(presets):
    presets.save("µ", FOCUS)
    kept = json.loads(file_of(presets).read_text(encoding="utf-8"))
    assert kept == {"presets": {"µ": {"kind": "aberrations", "query": {"defocus": "12"}}}}
