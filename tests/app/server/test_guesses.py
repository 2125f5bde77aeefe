"""Who has guessed has to wait, and nobody else."""

import pytest

from app.server.guesses import FIRST, FREE, LONGEST, MANY, MOST, Guesses, answered_after


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def guesses(clock):
    return Guesses(clock)


def wrong(guesses, name, address, times=1):
    for _ in range(times):
        guesses.begin(name, address)


def test_a_person_mistypes_a_few_times_without_a_wait(guesses):
    wrong(guesses, "anna", "10.0.0.1", FREE - 1)
    assert guesses.wait("anna", "10.0.0.1") == 0
    wrong(guesses, "anna", "10.0.0.1")
    assert guesses.wait("anna", "10.0.0.1") == FIRST


def test_each_further_guess_doubles_the_wait_up_to_a_minute(guesses, clock):
    wrong(guesses, "anna", "10.0.0.1", FREE - 1)
    waits = []
    for _ in range(12):
        wrong(guesses, "anna", "10.0.0.1")
        waits.append(guesses.wait("anna", "10.0.0.1"))
        clock.now += waits[-1]
        assert guesses.wait("anna", "10.0.0.1") == 0
    assert waits == [4, 8, 16, 32, *[LONGEST] * 8]


def test_many_at_once_are_as_many_as_one_after_the_other(guesses):
    """A try counts from its beginning: that its answer takes a while gives no more of them."""
    allowed = 0
    for _ in range(100):
        if not guesses.wait("anna", "10.0.0.1"):
            guesses.begin("anna", "10.0.0.1")
            allowed += 1
    assert allowed == FREE


def test_the_right_password_ends_it(guesses):
    wrong(guesses, "anna", "10.0.0.1", FREE)
    guesses.right("anna", "10.0.0.1")
    assert guesses.wait("anna", "10.0.0.1") == 0


def test_nobody_is_kept_out_by_what_comes_from_elsewhere_or_at_other_names(guesses):
    wrong(guesses, "anna", "10.0.0.1", 1000)
    wrong(guesses, "stranger", "10.0.0.2", 1000)
    assert guesses.wait("anna", "10.0.0.1") == LONGEST
    assert guesses.wait("anna", "10.0.0.2") == 0
    assert guesses.wait("ben", "10.0.0.1") == 0


def test_an_address_that_guesses_at_many_names_has_one_try_at_each(guesses, clock):
    told = [guesses.begin(f"name {number}", "10.0.0.1") for number in range(MANY + 20)]
    assert told.index(True) == MANY
    assert sum(told) == 1
    assert guesses.wait("anna", "10.0.0.1") == 0
    wrong(guesses, "anna", "10.0.0.1")
    assert guesses.wait("anna", "10.0.0.1") == FIRST
    wrong(guesses, "anna", "10.0.0.9")
    assert guesses.wait("anna", "10.0.0.9") == 0
    clock.now += 3600
    assert guesses.wait("anna", "10.0.0.1") == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
        ("unix", "10.0.0.1", False),
    ],
)
def test_addresses_of_one_place(guesses, one, other, same):
    wrong(guesses, "anna", one, FREE + 3)
    assert (guesses.wait("anna", other) > 0) == same


def test_what_is_remembered_has_an_end(guesses):
    for number in range(MOST + 100):
        guesses.begin(f"{number}", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    assert len(guesses._pairs) == len(guesses._addresses) == MOST


@pytest.mark.parametrize(("taken", "after"), [(0, 1), (0.003, 1), (0.2, 1), (1.0, 1), (1.1, 2)])
def test_refusals_come_after_whole_seconds(taken, after):
    assert answered_after(taken) == after
