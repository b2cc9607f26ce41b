"""The keys by which a command is not done twice: how long, how many, and how many may wait for one answer."""

from __future__ import annotations

import pytest
from msgspec import Struct
from msgspec.structs import replace

from rigd.api.retries import MOST_ASKING, Retries
from rigd.model.errors import CommandError
from rigd.model.limits import LONGEST_RETRY_KEY, MOST_RETRIES
from rigd.model.requests import CommandAnswer, TextRequest

DONE = CommandAnswer(id=0, accepted=True, text="done")


def asked(key: str, number: int = 1) -> TextRequest:
    return TextRequest(id=number, text="mark", origin="cli", retry=key)


def nobody(answer: Struct) -> None:
    raise AssertionError("there is no answer yet")


def test_a_key_is_as_long_as_it_may_be_and_no_longer() -> None:
    retries = Retries()
    assert retries.begin("ann", asked("k" * LONGEST_RETRY_KEY), nobody)
    with pytest.raises(CommandError, match=f"at most {LONGEST_RETRY_KEY} characters"):
        retries.begin("ann", asked("k" * (LONGEST_RETRY_KEY + 1)), nobody)


def test_the_last_keys_are_remembered_and_of_each_principal_its_own() -> None:
    retries, told = Retries(), list[Struct]()
    for number in range(MOST_RETRIES):
        assert retries.begin("ann", asked(f"k{number}"), nobody)
        retries.end("ann", asked(f"k{number}"), DONE)
    assert not retries.begin("ann", asked("k0", 7), told.append), "the oldest of the last ones"
    assert told == [replace(DONE, id=7)]
    assert retries.begin("bob", asked("k1"), nobody), "another one's key is another key"
    assert retries.begin("ann", asked("one more"), nobody)
    assert retries.begin("ann", asked("k0"), nobody), "forgotten: it is done again"
    assert not retries.begin("ann", asked(f"k{MOST_RETRIES - 1}"), told.append)
    retries.end("ann", asked("k1"), DONE)  # of one that is forgotten nobody waits for the answer


def test_so_many_may_wait_for_one_answer_and_each_has_it_with_its_own_number() -> None:
    retries, told = Retries(), list[Struct]()
    assert retries.begin("ann", asked("k"), nobody)
    for number in range(MOST_ASKING):
        assert not retries.begin("ann", asked("k", 10 + number), told.append)
    with pytest.raises(CommandError, match="asked for by many"):
        retries.begin("ann", asked("k", 99), told.append)
    assert told == []
    retries.end("ann", asked("k"), DONE)
    assert told == [replace(DONE, id=10 + number) for number in range(MOST_ASKING)]
