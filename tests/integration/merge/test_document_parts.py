"""Parts of documents: their addresses, and what resolve, undo and show do to them."""

from __future__ import annotations

import json

import pytest

from seeder.merge.plan import RowAction
from seeder.merge.settled import Settlement
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project, counts
from tests.support.roles import FIRST, TABLE, grants, seed, settings


@pytest.fixture
def launched(project: Project) -> Project:
    project.sql(TABLE)
    seed(project, "{code: a}")
    project.init()
    return project


# -- addresses of parts --------------------------------------------------------------------


TWICE = "{code: a, settings: {limits: {seats: 7, tags: [x]}, theme: dark}}"


@pytest.fixture
def torn(launched: Project) -> Project:
    """Two parts of a document are in conflict, and were reported."""
    edited = {"limits": {"seats": 9, "tags": ["x"]}, "theme": "mine"}
    launched.sql("UPDATE roles SET settings = %s::jsonb", json.dumps(edited))
    seed(launched, TWICE)
    launched.update()
    return launched


def test_status_names_the_parts_of_documents_in_conflict(
    torn: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert torn.command("status", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["in_conflict"]
    assert found["address"] == "roles/a"
    assert found["columns"] == ["settings.limits.seats", "settings.theme"]


@pytest.mark.parametrize(
    ("take", "place", "limits", "theme", "left"),
    [
        ("live", "settings.limits.seats", 9, "mine", ["settings.theme"]),
        ("desired", "settings.limits.seats", 7, "mine", ["settings.theme"]),
        ("desired", "settings.limits", 7, "mine", ["settings.theme"]),
        ("desired", "settings.theme", 9, "dark", ["settings.limits.seats"]),
        ("desired", "settings", 7, "dark", []),
        ("live", "settings", 9, "mine", []),
    ],
)
def test_a_part_is_settled_by_its_address_and_the_others_stay_in_conflict(
    torn: Project, take: str, place: str, limits: int, theme: str, left: list[str]
) -> None:
    assert torn.command("resolve", f"roles/a#{place}", "--take", take) == 0
    assert settings(torn) == {"limits": {"seats": limits, "tags": ["x"]}, "theme": theme}
    notes = torn.entry("roles", "a")["notes"] or {}
    assert sorted(notes.get("parts", {}).get("settings", {})) == [
        each.removeprefix("settings.") for each in left
    ]
    torn.assert_settled()
    # What was declined counts as asked for: only yet another value is a conflict again.
    seed(torn, TWICE.replace("seats: 7", "seats: 8"))
    counted = counts(torn.update(), "roles")
    untouched = take == "desired" and "settings.limits.seats" not in left
    assert counted == ({"update": 1} if untouched else {"keep": 1, "conflicts": 1})


def test_several_parts_of_one_row_are_settled_at_once(torn: Project) -> None:
    places = ["roles/a#settings.limits.seats", "roles/a#settings.theme"]
    assert torn.command("resolve", *places, "--take", "desired") == 0
    assert settings(torn) == {"limits": {"seats": 7, "tags": ["x"]}, "theme": "dark"}
    assert torn.entry("roles", "a")["notes"] is None


def test_settling_a_part_leaves_what_else_the_catalog_asks_for_pending(launched: Project) -> None:
    launched.sql("UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '9')")
    seed(launched, "{code: a, grants: [new], settings: {limits: {seats: 7, tags: [y]}}}")
    assert launched.command("resolve", "roles/a", "--take", "live") == 0
    assert settings(launched) == {"limits": {"seats": 9, "tags": ["x"]}}
    assert grants(launched) == FIRST["grants"]
    assert counts(launched.update(), "roles") == {"update": 1}
    assert settings(launched) == {"limits": {"seats": 9, "tags": ["y"]}}
    assert grants(launched) == ["new"]


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (["roles/a#setings.theme"], "has no column setings.theme"),
        (["roles/a#code.x"], "merged as a whole"),
        (["roles/c#settings"], "An address is unknown"),
    ],
)
def test_addresses_of_no_part_are_refused(
    torn: Project, places: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(torn, TWICE, "{code: b}")
    assert torn.command("resolve", *places, "--take", "live") == 10
    assert message in capsys.readouterr().err


def test_a_key_with_a_hash_of_its_own_has_an_address(project: Project) -> None:
    project.sql(TABLE)
    seed(project, "{code: a#b, settings: {x: 1}}")
    project.init()
    project.sql("UPDATE roles SET settings = '{\"x\": 2}'")
    seed(project, "{code: a#b, settings: {x: 3}}")
    project.update()
    assert project.command("resolve", "roles/a#b#settings.x", "--take", "desired") == 0
    assert settings(project, "a#b") == {"x": 3}


# -- undo --------------------------------------------------------------------------------


def undo_last(project: Project) -> Settlement:
    run = project.value("SELECT max(run) FROM seeder.changes")
    return undo(project.settings(), log=Events(), run=run, dry_run=False)


def test_undo_takes_back_what_the_run_wrote_and_leaves_what_people_changed_since(
    launched: Project,
) -> None:
    seed(
        launched,
        "{code: a, grants: [orders.view, orders.hold],"
        " settings: {limits: {seats: 7, tags: [x]}, theme: dark}}",
    )
    launched.update()
    edited = {"limits": {"seats": 7, "tags": ["x"]}, "theme": "mine", "own": 1}
    launched.sql("UPDATE roles SET settings = %s::jsonb", json.dumps(edited))
    launched.sql("UPDATE roles SET grants = array_append(grants, 'reports.mine')")
    (row,) = undo_last(launched).rows
    assert row.reason == "the run wrote it; what was changed here since stays"
    assert {each.name: (each.live, each.desired) for each in row.columns} == {
        "grants[orders.hold]": ('"orders.hold"', None),
        "grants[orders.refund]": (None, '"orders.refund"'),
        "settings.limits.seats": ("7", "5"),
    }
    assert settings(launched) == edited | {"limits": {"seats": 5, "tags": ["x"]}}
    assert grants(launched) == ["orders.view", "reports.mine", "orders.refund"]
    before = launched.snapshot()
    launched.update()
    assert launched.snapshot() == before


def test_an_undo_of_an_undo_brings_the_parts_again(launched: Project) -> None:
    seed(launched, "{code: a, settings: {limits: {seats: 7, tags: [x]}, theme: dark}}")
    launched.update()
    launched.sql("UPDATE roles SET settings = settings || '{\"own\": 1}'")
    undo_last(launched)
    launched.sql("UPDATE roles SET settings = settings || '{\"more\": 1}'")
    undo_last(launched)
    assert settings(launched) == {
        "limits": {"seats": 7, "tags": ["x"]},
        "theme": "dark",
        "own": 1,
        "more": 1,
    }


def test_a_document_of_which_people_changed_all_that_the_run_wrote_is_left(
    launched: Project,
) -> None:
    seed(launched, "{code: a, settings: {limits: {seats: 7, tags: [x]}}}")
    launched.update()
    launched.sql("UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '9')")
    (row,) = undo_last(launched).rows
    assert (row.action, row.reason) == (RowAction.KEEP, "changed here since")
    assert settings(launched)["limits"]["seats"] == 9


def test_a_run_is_shown_by_the_parts_that_it_wrote(
    launched: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(launched, "{code: a, grants: [orders.view], settings: {limits: {seats: 7, tags: [x]}}}")
    launched.update()
    run = launched.value("SELECT max(run) FROM seeder.changes")
    assert launched.command("show", str(run), "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["before"] == {
        "grants[orders.refund]": '"orders.refund"',
        "settings.limits.seats": "5",
    }
    assert row["after"] == {"settings.limits.seats": "7"}


def test_what_is_asked_for_in_another_order_only_is_no_conflict_to_settle(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.sql("CREATE TABLE plans (code text PRIMARY KEY, items jsonb)")
    head = "table: plans\nkey: code\ncolumns: {items: {merge: list, by: sku}}\nrows:\n"
    project.write("plans", head + "  - {code: a, items: [{sku: z, n: 2}]}\n")
    project.init()
    project.write("plans", head + "  - {code: a, items: [{sku: x, n: 0}, {sku: z, n: 1}]}\n")
    project.update()
    undo_last(project)
    before = project.snapshot()
    assert project.command("resolve", "plans/a", "--take", "live") == 0
    assert "is not in conflict" in capsys.readouterr().out
    assert project.snapshot() == before
