"""Plans as documents: there and back, and what is refused on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seeder.errors import ConfigurationInvalid, PlanStale
from seeder.merge.plan import RowAction, SetDecision
from seeder.merge.plan_document import FORMAT, from_document, shortened, to_document
from tests.support.plans import a_column, a_plan, a_row, a_set

PLAN = a_plan(
    adopt=True,
    tasks=("backfill",),
    warnings=("watch out",),
    sets=(
        a_set("roles", a_row(conflict=True, columns=(a_column(live=None, stored="VIEWER"),))),
        a_set("tiers", a_row("tiers/a,b", action=RowAction.INSERT), left_out=3),
        a_set("users", a_row(columns=(a_column(secret=True, live=None, desired=None),))),
        a_set("late", decision=SetDecision.AWAITING_TABLE, rows=(), counts={}),
    ),
)


def test_a_plan_comes_back_from_its_document_as_it_was() -> None:
    document = json.loads(json.dumps(to_document(PLAN)))
    assert document["format"] == FORMAT
    assert from_document(document) == PLAN


@pytest.mark.parametrize("document", [None, [], "plan", 1, {}, {"id": "x"}])
def test_what_is_no_plan_is_refused_as_invalid(document: Any) -> None:
    with pytest.raises(ConfigurationInvalid):
        from_document(document)


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "sideways"},
        {"sets": None},
        {"sets": [{"name": "roles"}]},
        {"provisional": "no"},
        {"id": 3},
    ],
)
def test_a_plan_that_was_tampered_with_is_refused_as_invalid(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationInvalid, match="incomplete or was changed"):
        from_document(to_document(PLAN) | change)


def test_a_plan_of_another_format_is_stale() -> None:
    with pytest.raises(PlanStale, match="format 2"):
        from_document(to_document(PLAN) | {"format": 2})


def test_long_values_are_cut_in_a_stored_plan_and_the_id_stays() -> None:
    long = a_plan(sets=(a_set("roles", a_row(columns=(a_column(live="x" * 100_000),))),))
    stored = shortened(long)
    assert stored.id == long.id
    (column,) = stored.sets[0].rows[0].columns
    assert column.live is not None
    assert len(column.live) == 2_000
    assert column.desired == "Reader"
    assert shortened(PLAN) == PLAN
