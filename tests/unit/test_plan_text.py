"""A plan as text: every row with its values and the reason, and nothing a terminal obeys."""

from __future__ import annotations

import datetime
import shlex

from seeder.merge.found import RequestRecord, Requests
from seeder.merge.model import Mode
from seeder.merge.plan import ColumnCase, RowAction, RowChange, SetDecision
from seeder.report import plan_text
from seeder.report.layout import Screen
from tests.support.plans import a_column, a_plan, a_row, a_set


def test_a_row_is_shown_column_by_column_below_what_happens_to_it_and_why() -> None:
    assert plan_text.plan(a_plan()).splitlines() == [
        "Plan for production: mode update, release 2 (release 2 is new here)",
        "",
        "roles",
        "  1 to update: the catalog has changed",
        "    ~ roles/viewer",
        "        label  'Viewer' → 'Reader'",
        "",
        "In all: 1 to update.",
        f"Plan id: {a_plan().id}",
    ]


def shown(**fields: object) -> str:
    """The line of an updated column."""
    row = a_row(columns=(a_column(**fields),))
    (line,) = [
        line
        for line in plan_text.plan(a_plan(sets=(a_set("roles", row),))).splitlines()
        if line.startswith("        label")
    ]
    return line


def test_what_was_stored_is_shown_where_it_differs_from_what_was_asked() -> None:
    line = shown(stored="VIEWER", live="VIEWER")
    assert "'VIEWER' → 'Reader'" in line
    assert line.endswith("last applied 'Viewer', stored as 'VIEWER'")


def test_null_and_the_unknown_are_told_apart_from_text() -> None:
    assert "NULL → 'NULL'" in shown(asked=None, stored=None, live=None, desired="NULL")
    unknown = shown(asked=None, stored=None, asked_known=False, live="")
    assert "'' → 'Reader'" in unknown
    assert unknown.endswith("last applied is not known")


def test_a_reference_to_a_new_row_is_shown_by_its_key() -> None:
    assert "'Viewer' → org_owner" in shown(desired="-> org_owner")


def test_a_secret_shows_that_it_changes_and_nothing_else() -> None:
    line = shown(secret=True, asked=None, stored=None, live=None, desired=None)
    assert line == "        label  (secret)  unchanged since seeder wrote it"


def a_conflict(address: str = "roles/viewer", **fields: object) -> RowChange:
    reason = "changed here as well; the live value stays"
    column = a_column(case=ColumnCase.CONFLICT, reason=reason, live="Guest", **fields)
    return a_row(
        address,
        action=RowAction.KEEP,
        reason="changed here and in the catalog",
        conflict=True,
        columns=(column,),
    )


def test_a_conflict_shows_its_three_values_and_the_commands_that_settle_it() -> None:
    assert plan_text.plan(a_plan(sets=(a_set("roles", a_conflict()),))).splitlines()[2:-1] == [
        "roles",
        "  1 in conflict: changed here and in the catalog",
        "    ! roles/viewer",
        "        label  changed here as well; the live value stays",
        "          last applied  'Viewer'",
        "          live          'Guest'",
        "          desired       'Reader'",
        "        seeder resolve roles/viewer --take live",
        "        seeder resolve roles/viewer --take desired",
        "",
        "In all: 1 in conflict.",
        "Hint: `--take live` keeps what is live; the catalog's value counts as declined."
        " `--take desired` writes the catalog's value over what is live. Until somebody chooses,"
        " what is live stays; the conflict is not reported again before the catalog asks for"
        " another value. With a name behind the address, as in `roles/viewer#label`, one column or"
        " part is settled and no other.",
    ]


def test_the_commands_can_be_pasted_whatever_the_key_is() -> None:
    text = plan_text.plan(a_plan(sets=(a_set("roles", a_conflict("roles/it's $HOME; a")),)))
    command = next(line for line in text.splitlines() if line.endswith("--take live"))
    assert shlex.split(command)[2] == "roles/it's $HOME; a"


def test_long_texts_are_shown_around_the_place_where_they_differ() -> None:
    one, two = "the same words " * 20 + "one", "the same words " * 20 + "two"
    assert "label  …the same words [-one-]{+two+}" in shown(
        asked=one, stored=one, live=one, desired=two
    )
    conflict = a_conflict(asked=one, stored=one, desired=two)
    text = plan_text.plan(a_plan(sets=(a_set("roles", conflict),)))
    assert "last applied  '… same words one'" in text
    assert "live          'Guest'" in text
    assert "desired       …the same words [-one-]{+two+}" in text


def test_a_long_json_object_is_shown_by_the_parts_that_differ() -> None:
    before = '{"api": true, "sso": false, "exports": true, "support": "email", "audit_days": 30}'
    after = before.replace("30", "60")
    line = shown(asked=before, stored=before, live=before, desired=after)
    assert line == "        label.audit_days  30 → 60"


def test_a_new_row_is_shown_with_its_values_apart_from_its_key() -> None:
    new = a_row(
        action=RowAction.INSERT,
        reason="new in the catalog",
        columns=(
            a_column("code", desired="viewer"),
            a_column("label", desired="Viewer"),
            a_column("password", secret=True, desired=None),
        ),
    )
    text = plan_text.plan(a_plan(sets=(a_set("roles", new),)))
    assert "  1 to insert: new in the catalog\n    + roles/viewer  label 'Viewer', " in text
    assert "password (secret)\n" in text


def test_a_link_between_rows_is_shown_by_its_address_alone() -> None:
    new = a_row(
        "links/owner,orders.view",
        action=RowAction.INSERT,
        columns=(
            a_column("role_id", desired="1"),
            a_column("permission_id", desired="-> orders.view"),
        ),
    )
    assert "    + links/owner,orders.view\n" in plan_text.plan(a_plan(sets=(a_set("links", new),)))


def test_long_values_and_line_breaks_stay_on_one_line() -> None:
    assert "'a\\nb'" in shown(desired="a\nb")
    assert "…" in shown(desired="x" * 1000)
    assert len(shown(desired="x" * 1000)) < 200


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    hostile = a_plan(sets=(a_set("roles", a_row("roles/\x1b[2J")),))
    assert "\x1b" not in plan_text.plan(hostile)
    coloured = plan_text.plan(hostile, Screen(width=80, colour=True))
    assert "\x1b[2J" not in coloured
    assert "\x1b[33m" in coloured


def test_rows_beyond_the_first_twenty_of_a_kind_are_counted_unless_all_are_asked_for() -> None:
    many = a_set("roles", *(a_row(f"roles/r{n}") for n in range(25)))
    text = plan_text.plan(a_plan(sets=(many,)))
    assert "roles/r19\n" in text
    assert "roles/r20\n" not in text
    assert "... and 5 more; --full shows them all\n" in text
    assert "roles/r24\n" in plan_text.plan(a_plan(sets=(many,)), full=True)


def test_conflicts_are_shown_all_of_them() -> None:
    many = a_set("roles", *(a_conflict(f"roles/r{n}") for n in range(25)))
    assert "! roles/r24\n" in plan_text.plan(a_plan(sets=(many,)))


def test_what_a_person_deleted_is_left_alone_and_not_called_a_change() -> None:
    deleted = a_row(
        action=RowAction.RECORD,
        reason="deleted here; stays deleted",
        rule="deleted_here",
        columns=(),
    )
    text = plan_text.plan(a_plan(sets=(a_set("roles", deleted),)))
    assert "  1 left alone: deleted here; stays deleted\n    = roles/viewer\n" in text


def test_a_waiting_set_comes_with_a_hint_to_the_update() -> None:
    waiting = a_set(
        decision=SetDecision.PENDING, reason="the catalog has changed", rows=(), counts={}
    )
    text = plan_text.plan(a_plan(mode=Mode.INIT, sets=(waiting,)))
    assert "Left alone\n  roles  pending  the catalog has changed\n" in text
    assert "Nothing is changed now; waiting: roles." in text
    assert "`seeder plan --mode update`" in text


def test_pending_migrations_are_listed_and_the_plan_called_provisional() -> None:
    text = plan_text.plan(a_plan(migrations=("0003", "0004"), provisional=True, sets=()))
    assert "Migrations\n  0003, 0004\n" in text
    assert "provisional" in text


def test_tasks_are_listed_with_what_cannot_be_foreseen() -> None:
    text = plan_text.plan(a_plan(tasks=("backfill",)))
    assert "Tasks  after the rows; what they change is not foreseen\n  backfill\n" in text
    assert "In all: 1 task, 1 to update." in text


def test_rows_that_are_left_out_are_counted() -> None:
    assert "  ... and 7 more rows\n" in plan_text.plan(a_plan(sets=(a_set(left_out=7),)))


def test_a_plan_of_nothing_says_so() -> None:
    assert "Nothing to do." in plan_text.plan(a_plan(sets=()))


def test_requests_are_listed_with_what_became_of_them() -> None:
    at = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
    text = plan_text.requests(
        Requests(
            pending=("abc",),
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
        "    2  open            2026-11-22 12:00:00 UTC  jo  abc",
        "    1  stale by run 7  2026-11-22 12:00:00 UTC  al  old",
    ]


def test_a_plan_of_many_sets_names_a_hundred_unless_all_are_asked_for() -> None:
    sets = tuple(a_set(f"set_{n:04}", a_row()) for n in range(250))
    left = tuple(a_set(f"left_{n:04}", decision=SetDecision.PENDING, counts={}) for n in range(250))
    found = a_plan(sets=(*sets, *left))
    lines = plan_text.plan(found).splitlines()
    assert "... and 150 more sets; --full shows them all" in lines
    assert "  ... and 150 more sets" in lines
    assert len(lines) < 700
    full = plan_text.plan(found, full=True)
    assert "set_0249" in full
    assert "--full" not in full
