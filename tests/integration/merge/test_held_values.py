"""A unique value that a row of somebody else keeps: a conflict of the row that wants it."""

from __future__ import annotations

import pytest

from seeder.errors import SeedingFailed
from seeder.look.status import status
from seeder.merge.choices import Take
from seeder.merge.found import OpenConflict, Status
from seeder.merge.plan import RowAction
from seeder.merge.settled import Settlement
from seeder.report import text
from seeder.settle.resolve import resolve
from tests.support.events import Events
from tests.support.merge import Project, counts, outcome

PLANS = (
    "CREATE TABLE plans (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
    " slug text UNIQUE, name text)"
)
QUERY = "SELECT code, slug, name FROM plans ORDER BY code"


def plans(project: Project, *rows: str, head: str = "") -> None:
    """Write the set `plans`: rows as `code slug name`."""
    listed = "".join("  - {{code: {}, slug: {}, name: {}}}\n".format(*row.split()) for row in rows)
    project.write("plans", f"table: plans\nkey: code\n{head}rows:\n{listed}")


@pytest.fixture
def shop(project: Project) -> Project:
    """A launched set, and a customer's row that holds the slug `best`."""
    project.sql(PLANS)
    plans(project, "a ay A")
    project.init()
    project.sql("INSERT INTO plans (code, slug, name) VALUES ('mine', 'best', 'Mine')")
    return project


MINE = ("mine", "best", "Mine")


@pytest.mark.parametrize("head", ["", "conflict: overwrite\n", "removed: delete\n"])
def test_a_new_row_whose_value_a_customer_holds_is_a_conflict_and_the_rest_goes_on(
    shop: Project, head: str
) -> None:
    plans(shop, "a ay AA", "b best B", "c see C", head=head)
    result = shop.update()
    assert counts(result, "plans") == {"update": 1, "insert": 1, "keep": 1, "conflicts": 1}
    planned = shop.row_plan("plans/b")
    assert (planned.action, planned.rule, planned.conflict, planned.holder) == (
        RowAction.KEEP,
        "new_held",
        True,
        "public.plans (id 2)",
    )
    assert [row.address for row in outcome(result, "plans").kept] == ["plans/b"]
    assert shop.rows(QUERY) == [("a", "ay", "AA"), ("c", "see", "C"), MINE]


def test_it_is_told_once_and_arrives_when_the_value_is_free(shop: Project) -> None:
    plans(shop, "a ay A", "b best B")
    shop.update()
    assert counts(shop.update(), "plans") == {}
    shop.assert_settled()
    shop.sql("UPDATE plans SET slug = 'other' WHERE code = 'mine'")
    assert counts(shop.init(), "plans") == {"insert": 1}, "an ordinary deploy looks again"
    assert ("b", "best", "B") in shop.rows(QUERY)
    assert shop.value("SELECT count(*) FROM seeder.waiting") == 0
    shop.assert_settled()


@pytest.mark.parametrize("head", ["", "conflict: overwrite\n"])
def test_a_changed_row_keeps_its_value_and_takes_what_else_changed(
    shop: Project, head: str
) -> None:
    plans(shop, "a best AA", head=head)
    result = shop.update()
    assert counts(result, "plans") == {"update": 1, "conflicts": 1}
    assert shop.rows(QUERY) == [("a", "ay", "AA"), MINE]
    (slug, _) = sorted(shop.row_plan("plans/a").columns, key=lambda each: each.name, reverse=True)
    assert (slug.name, slug.rule) == ("slug", "held")
    assert counts(shop.update(), "plans") == {}, "told once"
    shop.assert_settled()
    shop.sql("DELETE FROM plans WHERE code = 'mine'")
    assert counts(shop.update(), "plans") == {"update": 1}
    assert shop.rows(QUERY) == [("a", "best", "AA")]
    shop.assert_settled()


def test_a_row_that_changes_nothing_else_is_kept(shop: Project) -> None:
    plans(shop, "a best A")
    assert counts(shop.update(), "plans") == {"keep": 1, "conflicts": 1}
    assert shop.row_plan("plans/a").holder == "public.plans (id 2)"


def test_what_waits_for_a_row_in_conflict_waits_too(shop: Project) -> None:
    plans(shop, "a best A", "b ay B")
    result = shop.update()
    assert counts(result, "plans") == {"keep": 2, "conflicts": 2}
    assert shop.rows(QUERY) == [("a", "ay", "A"), MINE]


def test_rows_that_refer_to_it_are_skipped_and_come_with_it(shop: Project) -> None:
    shop.sql("CREATE TABLE limits (code text PRIMARY KEY, plan_id int NOT NULL REFERENCES plans)")
    plans(shop, "a ay A", "b best B")
    shop.write(
        "limits",
        "table: limits\nkey: code\ncolumns: {plan_id: {ref: plans}}\n"
        "rows:\n  - {code: one, plan_id: a}\n  - {code: two, plan_id: b}\n",
    )
    result = shop.update()
    assert counts(result, "limits") == {"insert": 1, "skip": 1}
    assert counts(shop.update(), "limits") == {}
    shop.sql("DELETE FROM plans WHERE code = 'mine'")
    shop.init()
    assert shop.rows("SELECT code FROM limits ORDER BY 1") == [("one",), ("two",)]
    shop.assert_settled()


def test_a_value_that_an_update_gives_up_still_passes(shop: Project) -> None:
    plans(shop, "a new A", "b ay B")
    assert counts(shop.update(), "plans") == {"update": 1, "insert": 1}


def test_what_left_the_catalog_and_is_kept_holds_its_value(shop: Project) -> None:
    plans(shop, "b ay B")
    result = shop.update()
    assert counts(result, "plans") == {"keep": 1, "conflicts": 1, "release": 1}
    assert shop.rows(QUERY) == [("a", "ay", "A"), MINE]
    shop.assert_settled()


def test_a_customers_row_outside_of_the_scope_holds_it_at_a_first_launch(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE users (id serial PRIMARY KEY, org int, email text NOT NULL UNIQUE, name text)"
    )
    project.sql("INSERT INTO users (org, email, name) VALUES (7, 'root@x', 'Theirs')")
    project.write(
        "users",
        "table: users\nkey: email\nscope: {org: null}\n"
        "rows:\n  - {email: root@x, name: Ours}\n  - {email: bot@x, name: Bot}\n",
    )
    project.survey()
    result = project.run()
    assert counts(result, "users") == {"insert": 1, "keep": 1, "conflicts": 1}
    assert dict(project.plans["users"].counts) == counts(result, "users")
    assert project.rows("SELECT org, email, name FROM users ORDER BY 2") == [
        (None, "bot@x", "Bot"),
        (7, "root@x", "Theirs"),
    ]
    project.assert_settled()


def settle(project: Project, address: str, take: Take) -> Settlement:
    """Resolve a conflict."""
    return resolve(project.settings(), log=Events(), addresses=[address], take=take)


def test_taking_live_makes_the_row_that_holds_the_value_the_seeded_one(shop: Project) -> None:
    plans(shop, "a ay A", "b best B")
    shop.update()
    assert settle(shop, "plans/b", Take.LIVE).counts == {"adopt": 1}
    assert shop.rows(QUERY) == [("a", "ay", "A"), MINE]
    assert shop.entry("plans", "b")["p1"] == 2
    assert (looked(shop).conflicts, looked(shop).in_conflict) == (0, ())
    shop.assert_settled()
    plans(shop, "a ay A", "b best BB")
    assert counts(shop.update(), "plans") == {"keep": 1, "conflicts": 1}, "its values are theirs"
    plans(shop, "a ay A", head="removed: delete\n")
    assert counts(shop.update(), "plans") == {"keep": 1, "conflicts": 1}


def test_taking_desired_waits_for_the_value_to_be_free(shop: Project) -> None:
    plans(shop, "a best A", "b best2 B")
    shop.sql("INSERT INTO plans (code, slug) VALUES ('other', 'best2')")
    shop.update()
    for address, holder in (("plans/a", "(id 2)"), ("plans/b", "(id 3)")):
        settled = settle(shop, address, Take.DESIRED)
        assert settled.run is None
        assert f"waits until public.plans {holder} gives the value up" in settled.rows[0].reason
    shop.sql("DELETE FROM plans WHERE code IN ('mine', 'other')")
    shop.update()
    assert shop.rows(QUERY) == [("a", "best", "A"), ("b", "best2", "B")]
    assert looked(shop).conflicts == 0


def test_taking_live_of_a_changed_row_declines_the_value(shop: Project) -> None:
    plans(shop, "a best A")
    shop.update()
    assert settle(shop, "plans/a", Take.LIVE).counts == {"record": 1}
    assert looked(shop).conflicts == 0
    shop.assert_settled()


def test_a_seeded_row_cannot_stand_for_a_second_one(shop: Project) -> None:
    shop.sql("UPDATE plans SET slug = 'bee' WHERE code = 'a'")
    plans(shop, "a ay A", "b bee B")
    assert counts(shop.update(), "plans") == {"keep": 1, "conflicts": 1}
    (row,) = settle(shop, "plans/b", Take.LIVE).rows
    assert row.reason == "the row that holds the value is plans/a itself"


def looked(project: Project) -> Status:
    """What `seeder status` finds."""
    return status(project.settings(), log=Events())


def test_status_names_both_rows_and_what_waits_for_them(shop: Project) -> None:
    shop.sql("CREATE TABLE limits (code text PRIMARY KEY, plan_id int NOT NULL REFERENCES plans)")
    plans(shop, "a ay A", "b best B")
    shop.write(
        "limits",
        "table: limits\nkey: code\ncolumns: {plan_id: {ref: plans}}\n"
        "rows:\n  - {code: two, plan_id: b}\n",
    )
    shop.update()
    found = looked(shop)
    assert found.conflicts == 1
    assert found.in_conflict == (
        OpenConflict(address="plans/b", holder="public.plans (id 2)", run=2),
    )
    assert (found.skipped, found.waiting) == (1, ("limits/two",))
    told = text.status(found)
    assert "plans/b  not there: public.plans (id 2) holds a unique value" in told
    assert "limits/two" in told


def test_two_new_rows_that_want_one_value_are_refused_and_not_called_a_conflict(
    shop: Project,
) -> None:
    plans(shop, "a ay A", "b new B", "c new C")
    with pytest.raises(SeedingFailed, match=r"plans/c was rejected"):
        shop.update()
