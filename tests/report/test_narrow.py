"""A narrow terminal: nothing is broken within a word, and counts stay with what they count."""

from __future__ import annotations

import datetime

import pytest

from seeder.merge.found import Status
from seeder.merge.settled import History, RunRecord, SetRecord
from seeder.report import settled_text, text
from seeder.report.layout import Screen

NOON = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)
NARROW = Screen(width=60)
COUNTS = {"insert": 1, "update": 3, "delete": 1, "record": 1, "conflicts": 1}
WORDS = ("1 inserted", "3 updated", "1 deleted", "1 recorded", "1 in conflict")


def history() -> str:
    run = RunRecord(
        id=2,
        started_at=NOON,
        result="done",
        mode="update",
        environment="production",
        release="2026.11.1",
        seeder_version="1",
        counts=COUNTS,
        sets=(SetRecord(name="subscription_tiers", decision="merge", counts=COUNTS),),
    )
    return settled_text.history(History(runs=(run,)), NARROW)


def status() -> str:
    run = RunRecord(
        id=2,
        started_at=NOON,
        result="done",
        mode="update",
        environment="production",
        seeder_version="1.0",
        release="2026.11.1",
        counts=COUNTS,
    )
    return text.status(
        Status(database="shop", environment="production", initialised=True, last_runs=(run,)),
        NARROW,
    )


@pytest.mark.parametrize("shown", [history, status])
def test_counts_stay_with_what_they_count(shown) -> None:  # type: ignore[no-untyped-def]
    lines = shown().splitlines()
    assert max(map(len, lines)) <= 60
    for word in WORDS:
        assert any(word in line for line in lines), word


def test_a_continuation_leaves_room_for_words() -> None:
    last = [line for line in status().splitlines() if "in conflict" in line][-1]
    assert len(last) - len(last.lstrip()) <= 20
