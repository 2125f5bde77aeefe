"""The settings of the device; the others are in test_catalogue.py."""

import pytest

from app.server.config import limit_gpu, settings_from
from recon.device.backend import memory
from tests.support.fake_gpu import fake_gpu


def test_the_device_is_chosen_by_itself_unless_the_owner_says():
    chosen = settings_from({})
    assert (chosen.device, chosen.gpu_memory, chosen.gpu_half) == ("auto", None, False)


def test_the_owner_chooses_device_memory_and_precision():
    chosen = settings_from(
        {
            "LIVESTEM_DEVICE": " GPU ",
            "LIVESTEM_GPU_MEMORY_GB": "20.5",
            "LIVESTEM_GPU_HALF": "on",
        }
    )
    assert (chosen.device, chosen.gpu_memory, chosen.gpu_half) == ("gpu", 20_500_000_000, True)


def test_a_microscope_is_named_with_what_its_stream_does_not_say(tmp_path):
    told = {
        "LIVESTEM_LIVE": " serval:tcp://host:8451 ",
        "LIVESTEM_LIVE_OPTIONS": '{"scan_shape": [64, 32], "dwell_time": 1e-5}',
        "LIVESTEM_CACHE": str(tmp_path),
    }
    chosen = settings_from(told)
    assert chosen.live == "serval:tcp://host:8451"
    assert chosen.live_options == {"scan_shape": (64, 32), "dwell_time": 1e-5}
    assert chosen.keep == tmp_path / "live"
    assert settings_from(told | {"LIVESTEM_RESULTS": "/results"}).keep.name == "results"
    assert settings_from(told | {"LIVESTEM_KEEP": "/kept"}).keep.name == "kept"
    assert settings_from({}).live is None


@pytest.mark.parametrize("word", ["0", "off", "False", "no", " "])
def test_half_precision_can_be_declined(word):
    assert not settings_from({"LIVESTEM_GPU_HALF": word}).gpu_half


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVESTEM_DEVICE", "cuda"),
        ("LIVESTEM_GPU_MEMORY_GB", "0"),
        ("LIVESTEM_GPU_MEMORY_GB", "much"),
        ("LIVESTEM_GPU_HALF", "maybe"),
        ("LIVESTEM_LIVE_OPTIONS", "512,512"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_its_value(name, value):
    with pytest.raises(ValueError, match=rf"^{name} .*“{value}”\.$"):
        settings_from({name: value})


def test_commands_keep_within_the_owners_limit_of_the_gpu(monkeypatch):
    device = fake_gpu("cpu", monkeypatch).device
    limit_gpu(device, {"LIVESTEM_GPU_MEMORY_GB": "0.25"})
    assert memory(device).total == 250_000_000
    with pytest.raises(ValueError, match="LIVESTEM_GPU_MEMORY_GB must be a positive number"):
        limit_gpu(device, {"LIVESTEM_GPU_MEMORY_GB": "-1"})
