"""The identity of a plan: what it depends on, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from seeder.merge.model import Mode
from seeder.merge.plan import ColumnCase, RowAction, SetDecision, SetOutcome
from seeder.merge.plan_id import moved, not_as_planned
from tests.support.plans import a_column, a_plan, a_row, a_set


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"catalog": "d" * 64}, "the catalog"),
        ({"heads": ("0003",)}, "the migrations"),
        ({"revisions": ("0001",)}, "the migrations"),
        ({"migrations": ("0003",)}, "the migrations"),
        ({"environment": "staging"}, "the environment"),
        ({"mode": Mode.REFRESH}, "the mode"),
        ({"adopt": True}, "the mode"),
        ({"release": "3"}, "the release"),
        ({"tasks": ("backfill",)}, "the tasks"),
        ({"sets": ()}, "set roles"),
        ({"sets": (a_set(), a_set("tiers"))}, "set tiers"),
        ({"sets": (a_set(decision=SetDecision.ADOPT),)}, "set roles"),
        ({"sets": (a_set(table="other.roles"),)}, "set roles"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_whatever_a_run_depends_on_moves_the_id(fields: dict[str, Any], words: str) -> None:
    before, after = a_plan(), a_plan(**fields)
    assert before.id != after.id
    assert moved(before, after) == (words,)


@pytest.mark.parametrize(
    "row",
    [
        a_row("roles/other"),
        a_row(action=RowAction.ADOPT),
        a_row(conflict=True),
        a_row(columns=()),
        a_row(columns=(a_column("title"),)),
        a_row(columns=(a_column(case=ColumnCase.OVERWRITE),)),
        a_row(columns=(a_column(asked="Old"),)),
        a_row(columns=(a_column(asked=None),)),
        a_row(columns=(a_column(asked_known=False),)),
        a_row(columns=(a_column(stored="VIEWER"),)),
        a_row(columns=(a_column(live="Guest"),)),
        a_row(columns=(a_column(live=None),)),
        a_row(columns=(a_column(desired="Other"),)),
        a_row(columns=(a_column(desired=None),)),
    ],
)
def test_the_pre_image_of_every_row_moves_the_id(row: Any) -> None:
    assert a_plan(sets=(a_set("roles", row),)).id != a_plan().id


def test_null_is_not_the_text_of_it() -> None:
    null, text = (
        a_plan(sets=(a_set("roles", a_row(columns=(a_column(live=value),))),))
        for value in (None, "null")
    )
    assert null.id != text.id


def test_neither_the_order_of_sets_nor_of_columns_counts() -> None:
    roles, tiers = a_set("roles"), a_set("tiers")
    assert a_plan(sets=(roles, tiers)).id == a_plan(sets=(tiers, roles)).id
    one, other = a_column("a"), a_column("b")
    assert (
        a_plan(sets=(a_set("roles", a_row(columns=(one, other))),)).id
        == a_plan(sets=(a_set("roles", a_row(columns=(other, one))),)).id
    )


def test_words_for_people_do_not_count() -> None:
    spoken = a_plan(
        reason="asked for",
        warnings=("something",),
        sets=(a_set("roles", a_row(reason="otherwise"), reason="otherwise"),),
    )
    assert spoken.id == a_plan().id


def test_rows_that_are_left_out_count_all_the_same() -> None:
    whole = a_set("roles", a_row("roles/a"), a_row("roles/b"))
    abridged = a_set(
        "roles", a_row("roles/a"), digest=whole.digest, counts=whole.counts, left_out=1
    )
    assert a_plan(sets=(abridged,)).id == a_plan(sets=(whole,)).id


def test_the_same_plan_has_the_same_id_in_every_version() -> None:
    # A stored plan outlives an upgrade of seeder: its id must be found again.
    assert a_plan().id == "1e3d330afccce453b112f42860c9646faf9979814cb2114e2e9b94c3aa53d154"


def test_a_run_that_did_something_else_is_told_by_set() -> None:
    plan = a_plan(sets=(a_set("roles"), a_set("tiers")))
    as_planned = [
        SetOutcome(
            name=each.name, table=each.table, decision=each.decision, counts=dict(each.counts)
        )
        for each in plan.sets
    ]
    assert not_as_planned(plan, as_planned) == ()
    other = SetOutcome(
        name="tiers", table="public.tiers", decision=SetDecision.MERGE, counts={"keep": 1}
    )
    assert not_as_planned(plan, [as_planned[0], other]) == ("tiers",)
    assert not_as_planned(plan, as_planned[:1]) == ("tiers",)
