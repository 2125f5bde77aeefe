"""What is asked for once and shown on the sheet."""

from types import SimpleNamespace

import numpy as np

from app.features.on_sheet import OnSheet, contrast
from app.pipeline.jobs import Job


class Told(OnSheet):
    def __init__(self, page):
        super().__init__(page)
        self.shown = []

    def job(self):
        return Job("Looking", lambda context: context)

    def show(self, result):
        self.shown.append(result)


def test_an_answer_is_shown_each_time_until_it_is_closed():
    asked = []

    def perform(job, answer):
        asked.append(job.title)
        answer.result = "same"

    told = Told(SimpleNamespace(pipeline=SimpleNamespace(aside=SimpleNamespace(perform=perform))))
    told.ask()
    told.ask()
    assert told.shown == ["same", "same"]
    told.close()
    told.ask()
    assert told.shown == ["same", "same"]
    assert asked == ["Looking"] * 3


def test_one_scale_of_grey_leaves_the_last_values_out():
    images = np.arange(1001.0).reshape(7, 11, 13)
    images[3, 4, 5] = 1e9
    low, high = contrast(images)
    assert np.count_nonzero(images < low) == 2
    assert np.count_nonzero(images > high) == 2


def test_an_even_image_has_a_scale_too():
    assert contrast(np.full((2, 3, 3), 0.25)) == (0.25, 1.25)
