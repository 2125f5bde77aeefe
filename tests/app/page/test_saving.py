"""What becomes of a file that was asked for: handed over, or told why not."""

from types import SimpleNamespace

import pytest

from app.page.saving import Saving
from recon.device.failure import DeviceError


def saving():
    """With the sentences that the user was told."""
    told = []
    made = Saving(SimpleNamespace(), lambda function: function(), told.append, dict)
    made.saver.busy = True
    return made, told


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device."),
        (OSError("a.h5 was not written: the disk is full."), "a.h5 was not written: the disk is"),
        (DeviceError("The GPU holds 4 GB, and 5 GB are needed."), "5 GB are needed."),
        (MemoryError(), "not enough memory"),
        (ValueError("There is nothing to save yet."), "There is nothing to save yet."),
    ],
)
def test_why_a_file_could_not_be_made_is_told(error, said):
    def fail():
        raise error

    made, told = saving()
    made.make(fail)
    assert len(told) == 1
    assert said in told[0]
    assert ".." not in told[0]
    assert not made.saver.busy


def test_that_no_copy_was_kept_is_told_beside_the_download():
    file = SimpleNamespace(filename="a.h5", data=b"all", warning="No copy was kept.")
    made, told = saving()
    made.make(lambda: file)
    assert told == ["No copy was kept."]
    assert (made.saver.filename, made.saver.data, made.saver.serial) == ("a.h5", b"all", 1)
