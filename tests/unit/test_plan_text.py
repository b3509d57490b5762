"""A plan as text: every row with its values and the reason, and nothing a terminal obeys."""

from __future__ import annotations

import datetime

from seeder.merge.model import Mode
from seeder.merge.plan import ColumnCase, RowAction, SetDecision
from seeder.merge.result import RequestRecord, Requests
from seeder.report import plan_text
from tests.support.plans import a_column, a_plan, a_row, a_set


def test_a_row_is_shown_column_by_column_with_the_reason_in_words() -> None:
    text = plan_text.plan(a_plan())
    assert text.splitlines() == [
        "Plan for production: mode update, release 2 (release 2 is new here).",
        "roles (public.roles): update 1; an update merges it",
        "  (columns: last applied -> live -> desired)",
        "  ~ roles/viewer  update: the catalog has changed",
        "      label  'Viewer' -> 'Viewer' -> 'Reader'  update: unchanged since seeder wrote it",
        "In all: update 1.",
        f"Plan id: {a_plan().id}",
    ]


def shown(**fields: object) -> str:
    (line,) = [
        line
        for line in plan_text.plan(
            a_plan(sets=(a_set("roles", a_row(columns=(a_column(**fields),))),))
        ).splitlines()
        if line.startswith("      ")
    ]
    return line


def test_what_was_stored_is_shown_where_it_differs_from_what_was_asked() -> None:
    assert "'Viewer' (stored 'VIEWER') -> 'VIEWER' -> 'Reader'" in shown(
        stored="VIEWER", live="VIEWER"
    )


def test_null_and_the_unknown_are_told_apart_from_text() -> None:
    assert "NULL -> NULL -> 'NULL'" in shown(asked=None, stored=None, live=None, desired="NULL")
    assert "(unknown) -> '' -> 'Reader'" in shown(
        asked=None, stored=None, asked_known=False, live=""
    )


def test_a_secret_shows_that_it_changes_and_nothing_else() -> None:
    line = shown(secret=True, asked=None, stored=None, live=None, desired=None)
    assert line == "      label  (secret)  update: unchanged since seeder wrote it"


def test_a_conflict_is_marked_in_the_row_and_in_the_column() -> None:
    conflict = a_row(
        action=RowAction.KEEP,
        reason="changed here and in the catalog",
        conflict=True,
        columns=(a_column(case=ColumnCase.CONFLICT, reason="changed here as well"),),
    )
    text = plan_text.plan(a_plan(sets=(a_set("roles", conflict),)))
    assert "  ! roles/viewer  CONFLICT, keep: changed here and in the catalog\n" in text
    assert "  CONFLICT: changed here as well\n" in text
    assert "In all: keep 1, conflicts 1." in text


def test_a_new_row_is_shown_with_its_values() -> None:
    new = a_row(
        action=RowAction.INSERT,
        reason="new in the catalog",
        columns=(a_column("code", desired="x"), a_column("password", secret=True, desired=None)),
    )
    text = plan_text.plan(a_plan(sets=(a_set("roles", new),)))
    assert (
        "  + roles/viewer  insert: new in the catalog\n      code 'x', password (secret)\n" in text
    )


def test_long_values_and_line_breaks_stay_on_one_line() -> None:
    assert "'a\\nb'" in shown(desired="a\nb")
    assert "..." in shown(desired="x" * 1000)
    assert len(shown(desired="x" * 1000)) < 200


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in plan_text.plan(a_plan(sets=(a_set("roles", a_row("roles/\x1b[2J")),)))


def test_a_waiting_set_comes_with_a_hint_to_the_update() -> None:
    waiting = a_set(
        decision=SetDecision.PENDING, reason="the catalog has changed", rows=(), counts={}
    )
    text = plan_text.plan(a_plan(mode=Mode.INIT, sets=(waiting,)))
    assert "roles (public.roles): pending, left alone; the catalog has changed\n" in text
    assert "Nothing is changed now; waiting: roles." in text
    assert "`seeder plan --mode update`" in text


def test_pending_migrations_are_listed_and_the_plan_called_provisional() -> None:
    text = plan_text.plan(a_plan(migrations=("0003", "0004"), provisional=True, sets=()))
    assert "  migrations  0003, 0004\n" in text
    assert "provisional" in text


def test_tasks_are_listed_with_what_cannot_be_foreseen() -> None:
    text = plan_text.plan(a_plan(tasks=("backfill",)))
    assert "Tasks, after the rows: backfill. What they change is not foreseen." in text
    assert "1 task." in text


def test_rows_that_are_left_out_are_counted() -> None:
    assert "    ... and 7 more\n" in plan_text.plan(a_plan(sets=(a_set(left_out=7),)))


def test_a_plan_of_nothing_says_so() -> None:
    assert "Nothing to do." in plan_text.plan(a_plan(sets=()))


def test_requests_are_listed_with_what_became_of_them() -> None:
    at = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
    text = plan_text.requests(
        Requests(
            pending="abc",
            requests=(
                RequestRecord(id=2, plan_id="abc", actor="jo", requested_at=at, state="open"),
                RequestRecord(
                    id=1, plan_id="old", actor="al", requested_at=at, state="stale", run=7
                ),
            ),
        )
    )
    assert text.splitlines() == [
        "Pending plan: abc",
        "  2  open  2026-11-22 12:00:00 UTC  jo  abc",
        "  1  stale by run 7  2026-11-22 12:00:00 UTC  al  old",
    ]
