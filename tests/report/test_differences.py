"""Of long documents and texts, what differs is shown, and where."""

from __future__ import annotations

import datetime
import json

import pytest

from seeder.merge.found import OpenConflict
from seeder.merge.plan import ColumnCase, ColumnChange, RowAction
from seeder.merge.settled import RowRecord, RunDetails, RunRecord
from seeder.report import html, markdown, plan_text, settled_text, text
from seeder.report.differences import of_columns, words
from seeder.report.values import change
from tests.support.plans import a_column, a_plan, a_row, a_set

NOON = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)

BEFORE = {
    "theme": "dark",
    "limits": {"seats": 5, "projects": 10, "a.b": True},
    "tags": ["one", "two", "three"],
    "padding": "x" * 80,
}
AFTER = BEFORE | {
    "limits": {"seats": 7, "projects": 10.0, "a.b": True, "new": None},
    "tags": ["one", "deux", "three"],
}
LIVE = BEFORE | {"theme": "light"}
TEXT = (
    "The quick brown fox jumps over the lazy dog, and nobody minds.\nSo it went on for years,"
    " until one day somebody noticed it, and asked the fox why."
)


def update(before: object, after: object) -> ColumnChange:
    one, other = json.dumps(before), json.dumps(after)
    return a_column("settings", asked=one, stored=one, live=one, desired=other)


def told(column: ColumnChange) -> list[tuple[str, str | None, str | None]]:
    return [(each.name, each.live, each.desired) for each in of_columns([column])]


def test_a_long_document_is_told_by_the_parts_that_differ() -> None:
    assert told(update(BEFORE, AFTER)) == [
        ("settings.limits.seats", "5", "7"),
        ("settings.limits.new", "absent", "null"),
        ("settings.tags", '[…, "two", …]', '[…, "deux", …]'),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BEFORE, [1]),
        ({"a": 1}, {"a": 2}),
        ("{" + "x" * 80, BEFORE),
    ],
)
def test_other_values_stay_as_they_are(before: object, after: object) -> None:
    column = update(before, after)
    assert of_columns([column]) == (column,)


def test_a_document_that_was_cut_stays_as_it_is() -> None:
    column = a_column("settings", live=json.dumps(BEFORE)[:90] + "... (200 characters)")
    assert of_columns([column]) == (column,)


def test_reports_show_the_parts_and_not_the_whole() -> None:
    plan = a_plan(sets=(a_set("roles", a_row("roles/a", columns=(update(BEFORE, AFTER),))),))
    shown = plan_text.plan(plan)
    assert "settings.limits.seats  5 → 7\n" in shown
    assert 'settings.tags          […, "two", …] → […, "deux", …]\n' in shown
    page, comment = html.plan(plan, made=NOON), markdown.plan(plan)
    assert "settings.limits.seats" in page
    assert "-     settings.limits.seats: 5\n+     settings.limits.seats: 7\n" in comment
    assert all("xxxx" not in each for each in (shown, page, comment))


def test_a_conflict_shows_the_parts_in_which_any_two_sides_differ() -> None:
    asked, live, desired = map(json.dumps, (BEFORE, LIVE, AFTER))
    column = a_column(
        "settings",
        case=ColumnCase.CONFLICT,
        asked=asked,
        stored=asked,
        live=live,
        desired=desired,
        reason="in conflict since run 2",
    )
    found = OpenConflict(address="roles/a", columns=("settings",), run=2, values=(column,))
    shown = text.conflict(found)
    assert "settings.theme  in conflict since run 2" in shown
    assert 'live          "light"\n' in shown
    assert "desired       7\n" in shown
    assert "xxxx" not in shown


def test_a_run_in_the_history_shows_the_parts() -> None:
    row = RowRecord(
        address="roles/a",
        action=RowAction.UPDATE,
        reason="the catalog has changed",
        before={"settings": json.dumps(BEFORE)},
        after={"settings": json.dumps(AFTER)},
    )
    run = RunRecord(
        id=2, started_at=NOON, result="done", mode="update", environment="dev", seeder_version="1"
    )
    shown = settled_text.details(RunDetails(run=run, rows=(row,), total=1))
    assert "settings.limits.seats  5 → 7\n" in shown


def test_of_a_long_text_the_words_that_differ_are_marked_with_some_around_them() -> None:
    after = TEXT.replace("lazy dog", "sleepy cat").replace("years", "weeks")
    assert change(TEXT, after) == (
        "…jumps over the [-lazy-]{+sleepy+} [-dog-]{+cat+}, and nobody…"
        "went on for [-years-]{+weeks+}, until one…"
    )


def test_a_text_that_only_grows_shows_what_came() -> None:
    assert change(TEXT, TEXT + " Nobody knew.") == "…the fox why.{+ Nobody knew.+}"


def test_a_long_text_shows_the_same_marks_on_a_page() -> None:
    column = a_column("about", live=TEXT * 3, desired=(TEXT * 3).replace("lazy", "sleepy", 1))
    plan = a_plan(sets=(a_set("roles", a_row("roles/a", columns=(column,))),))
    page = html.plan(plan, made=NOON)
    assert "<mark>lazy</mark>" in page
    assert "<mark>sleepy</mark>" in page
    assert "asked the fox" not in page.partition("<mark>sleepy</mark>")[0].partition("lazy")[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, TEXT),
        (TEXT, None),
        (TEXT, TEXT),
        ("short", TEXT),
        (TEXT, " ".join(f"w{n}" for n in range(40))),
        ("-> " + TEXT, "-> x" + TEXT),
    ],
)
def test_texts_that_are_not_alike_are_shown_as_they_are(
    before: str | None, after: str | None
) -> None:
    assert words(before, after) == ()


def test_a_text_of_a_megabyte_costs_no_more_than_what_differs() -> None:
    base = [f"word{n % 997}" for n in range(150_000)]
    other = [*base[:70_000], "other", *base[70_001:]]
    assert [(each.before, each.after) for each in words(" ".join(base), " ".join(other))][1] == (
        "word210",
        "other",
    )
    everywhere = ["other" if n % 50 == 0 else each for n, each in enumerate(base)]
    assert words(" ".join(base), " ".join(everywhere)) == ()
