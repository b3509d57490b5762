"""Unique values that a row was about to give up, and keeps in the end: conflicts as well."""

from __future__ import annotations

import pytest

from seeder.merge.plan import RowAction
from seeder.settle.restore import restore
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project, counts

PLANS = (
    "CREATE TABLE plans (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
    " slug text UNIQUE, name text)"
)
LIMITS = "CREATE TABLE limits (code text PRIMARY KEY, plan_id int REFERENCES plans)"
QUERY = "SELECT code, slug, name FROM plans ORDER BY code"


def plans(project: Project, *rows: str, head: str = "removed: delete\n") -> None:
    """Write the set `plans`: rows as `code slug name`."""
    listed = "".join("  - {{code: {}, slug: {}, name: {}}}\n".format(*row.split()) for row in rows)
    project.write("plans", f"table: plans\nkey: code\n{head}rows:\n{listed}")


def limits(project: Project, **rows: str) -> None:
    """Write the set `limits`: plans by code."""
    listed = "".join(f"\n  - {{code: {code}, plan_id: {plan}}}" for code, plan in rows.items())
    listed = listed or " []"
    project.write(
        "limits",
        f"table: limits\nkey: code\ncolumns: {{plan_id: {{ref: plans}}}}\nrows:{listed}",
    )


@pytest.fixture
def shop(project: Project) -> Project:
    """Plans and limits that refer to them, both seeded."""
    project.sql(PLANS)
    project.sql(LIMITS)
    plans(project, "a ay A", "c see C")
    limits(project, one="c")
    project.init()
    return project


def test_a_leaving_row_to_which_a_persons_row_of_a_seeded_table_refers_keeps_its_value(
    shop: Project,
) -> None:
    shop.sql("INSERT INTO limits SELECT 'mine', id FROM plans WHERE code = 'a'")
    plans(shop, "b ay B", "c see CC", "d dee D")
    result = shop.update()
    assert counts(result, "plans") == {"insert": 1, "update": 1, "keep": 2, "conflicts": 2}
    assert shop.row_plan("plans/b").rule == "new_held"
    assert shop.rows(QUERY) == [("a", "ay", "A"), ("c", "see", "CC"), ("d", "dee", "D")]
    shop.assert_settled()
    shop.sql("DELETE FROM limits WHERE code = 'mine'")
    shop.update()
    shop.update()
    assert shop.rows(QUERY) == [("b", "ay", "B"), ("c", "see", "CC"), ("d", "dee", "D")]


def test_a_changed_row_waits_for_it_as_well_and_rows_that_refer_to_new_ones_follow(
    shop: Project,
) -> None:
    shop.sql("UPDATE limits SET plan_id = (SELECT id FROM plans WHERE code = 'a')")
    plans(shop, "b ay B", "c see C")
    limits(shop, one="c", two="b")
    result = shop.update()
    assert counts(result, "plans") == {"keep": 2, "conflicts": 2}
    assert counts(result, "limits") == {"skip": 1}
    shop.assert_settled()


def test_a_leaving_row_that_a_seeded_row_lets_go_of_gives_its_value_up(shop: Project) -> None:
    limits(shop, one="a")
    shop.update()
    plans(shop, "b ay B", "c see C")
    limits(shop, one="b")
    assert counts(shop.update(), "plans") == {"insert": 1, "delete": 1}
    shop.assert_settled()


def test_a_generated_unique_value_that_a_customer_holds_is_a_conflict(project: Project) -> None:
    project.sql(
        "CREATE TABLE tags (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text,"
        " slug text GENERATED ALWAYS AS (lower(name)) STORED UNIQUE)"
    )
    project.write("tags", "table: tags\nkey: code\nrows:\n  - {code: a, name: Ay}\n")
    project.init()
    project.sql("INSERT INTO tags (code, name) VALUES ('mine', 'BEE')")
    project.write(
        "tags",
        "table: tags\nkey: code\nrows:\n  - {code: a, name: Bee}\n  - {code: b, name: bEE}\n"
        "  - {code: c, name: Cee}\n",
    )
    result = project.update()
    assert counts(result, "tags") == {"insert": 1, "keep": 2, "conflicts": 2}
    assert project.rows("SELECT code, name FROM tags ORDER BY 1") == [
        ("a", "Ay"),
        ("c", "Cee"),
        ("mine", "BEE"),
    ]
    project.assert_settled()
    project.sql("DELETE FROM tags WHERE code = 'mine'")
    project.write(
        "tags",
        "table: tags\nkey: code\nrows:\n  - {code: a, name: Bee}\n  - {code: b, name: ay}\n",
    )
    assert counts(project.update(), "tags") == {"update": 1, "insert": 1, "release": 1}


def test_a_mark_that_cannot_come_off_since_its_old_value_is_taken_is_a_conflict(
    project: Project,
) -> None:
    project.sql(PLANS)
    head = "removed: {set: {slug: null, name: gone}}\n"
    codes = "table: plans\nkey: code\n" + head + "rows:\n  - {code: c}\n"
    project.write("plans", codes + "  - {code: a}\n")
    project.init()
    project.sql("UPDATE plans SET slug = 'ay' WHERE code = 'a'")
    project.write("plans", codes)
    project.update()
    assert project.rows(QUERY) == [("a", None, "gone"), ("c", None, None)]
    project.sql("INSERT INTO plans (code, slug) VALUES ('mine', 'ay')")
    project.write("plans", codes + "  - {code: a}\n  - {code: d}\n")
    result = project.update()
    assert counts(result, "plans") == {"record": 1, "insert": 1, "conflicts": 1}
    assert project.row_plan("plans/a").rule == "unset_recorded_held"
    assert project.rows(QUERY) == [
        ("a", None, None),
        ("c", None, None),
        ("d", None, None),
        ("mine", "ay", None),
    ]
    project.assert_settled()


def test_what_an_undo_cannot_give_back_since_somebody_has_it_is_left(shop: Project) -> None:
    limits(shop)
    shop.sql("DELETE FROM limits")
    plans(shop, "a new AA", "c see C")
    shop.update()
    plans(shop, "a new AA")
    second = shop.update().run_id
    plans(shop, "a new AAA", "d dee D", head="")
    shop.update()
    shop.sql("INSERT INTO plans (code, slug) VALUES ('mine', 'ay'), ('yours', 'see')")
    first = shop.value("SELECT min(run) FROM seeder.changes WHERE after ->> 'slug' = 'new'")
    assert second is not None
    for run, counts_ in ((first, {"keep": 1}), (second, {"keep": 1})):
        settled = undo(shop.settings(), log=Events(), run=run, dry_run=False)
        assert settled.counts == counts_
        assert [row.reason for row in settled.rows] == [
            "another row holds a unique value that it had"
        ]
    assert shop.rows(QUERY) == [
        ("a", "new", "AAA"),
        ("d", "dee", "D"),
        ("mine", "ay", None),
        ("yours", "see", None),
    ]


def test_an_undo_gives_back_what_nobody_holds(shop: Project) -> None:
    plans(shop, "a new AA", "c see C")
    run = shop.update().run_id
    shop.sql("INSERT INTO plans (code, slug) VALUES ('mine', 'ay')")
    assert run is not None
    settled = undo(shop.settings(), log=Events(), run=run, dry_run=False)
    assert settled.counts == {"update": 1}
    assert settled.rows[0].reason == (
        "the run wrote it; another row holds a unique value that it had"
    )
    assert shop.rows(QUERY)[0] == ("a", "new", "A")


def test_a_deleted_row_whose_value_somebody_has_is_not_restored(shop: Project) -> None:
    shop.sql("DELETE FROM plans WHERE code = 'a'")
    shop.update()
    shop.sql("INSERT INTO plans (code, slug) VALUES ('mine', 'ay')")
    (row,) = restore(shop.settings(), log=Events(), addresses=("plans/a",)).rows
    assert (row.action, row.conflict, row.holder) == (RowAction.KEEP, True, "public.plans (id 3)")
    shop.sql("DELETE FROM plans WHERE code = 'mine'")
    (row,) = restore(shop.settings(), log=Events(), addresses=("plans/a",)).rows
    assert row.action is RowAction.RESTORE
    assert shop.rows(QUERY) == [("a", "ay", "A"), ("c", "see", "C")]


@pytest.mark.parametrize("other", ["b", "new"])
@pytest.mark.parametrize(
    "unique", ["UNIQUE (slug, name)", "EXCLUDE USING btree (slug WITH =, name WITH =)"]
)
def test_half_of_a_pair_that_was_changed_here_does_not_meet_another_row_of_the_release(
    project: Project, unique: str, other: str
) -> None:
    project.sql(PLANS.replace("slug text UNIQUE, name text", f"slug text, name text, {unique}"))
    plans(project, "a ay A", "b bee B")
    project.init()
    project.sql("UPDATE plans SET slug = 'mine' WHERE code = 'a'")
    plans(project, "a see X", f"{other} mine X")
    result = project.update()
    row = project.row_plan("plans/a")
    assert {each.name: each.rule for each in row.columns} == {
        "slug": "changed_here",
        "name": "held",
    }
    assert (row.rule, row.holder) == ("value_held", f"plans/{other}")
    assert counts(result, "plans")["conflicts"] == 1
    assert {("a", "mine", "A"), (other, "mine", "X")} <= set(project.rows(QUERY))
    project.assert_settled()
