"""A table, schema or key that changes: declared with `was:`, nothing is forgotten."""

from __future__ import annotations

import pytest

from seeder.merge.model import Mode
from seeder.merge.plan import SetDecision
from tests.support.merge import Project, counts, outcome

TABLE = (
    "CREATE TABLE tier (id serial PRIMARY KEY, name text NOT NULL UNIQUE,"
    " code text UNIQUE, label text, lim int)"
)
ROWS = (
    "{name: Gold, label: G, lim: 1}",
    "{name: Iron, label: I, lim: 1}",
    "{name: Lead, label: L, lim: 1}",
    "{name: Zinc, label: Z, lim: 1}",
)


def seed(project: Project, *rows: str, head: str = "table: tier\nkey: name\n") -> None:
    listed = "".join(f"  - {row}\n" for row in rows)
    project.write("tiers", f"{head}rows:\n{listed}")


@pytest.fixture
def launched(project: Project) -> Project:
    """Four tiers; people relabelled one and deleted one."""
    project.sql(TABLE)
    seed(project, *ROWS)
    project.init()
    project.sql("UPDATE tier SET label = 'Mine' WHERE name = 'Iron'")
    project.sql("DELETE FROM tier WHERE name = 'Lead'")
    return project


def changed(rows: tuple[str, ...], old: str = "lim: 1", new: str = "lim: 2") -> tuple[str, ...]:
    return tuple(row.replace(old, new) for row in rows)


def test_a_renamed_table_keeps_what_was_known_of_its_rows(launched: Project) -> None:
    launched.sql("ALTER TABLE tier RENAME TO tiers")
    seed(launched, *changed(ROWS), head="table: tiers\nkey: name\nwas: {table: tier}\n")
    assert counts(launched.update(), "tiers") == {"update": 3, "record": 1}
    assert launched.rows("SELECT name, label, lim FROM tiers ORDER BY id") == [
        ("Gold", "G", 2),
        ("Iron", "Mine", 2),
        ("Zinc", "Z", 2),
    ]
    launched.assert_settled()


def test_an_ordinary_deploy_follows_a_rename_and_leaves_the_rest_pending(
    launched: Project,
) -> None:
    launched.sql("ALTER TABLE tier RENAME TO tiers")
    seed(launched, *changed(ROWS), head="table: tiers\nkey: name\nwas: {table: tier}\n")
    assert outcome(launched.init(), "tiers").decision is SetDecision.PENDING
    assert launched.rows("SELECT table_name, key FROM seeder.bases") == [("tiers", ["name"])]
    assert counts(launched.update(), "tiers") == {"update": 3, "record": 1}


def test_a_chain_of_names_is_followed_from_any_of_them_and_harmless_once_applied(
    launched: Project,
) -> None:
    head = "table: app.levels\nkey: name\nwas: [{table: tier}, {table: tiers}, {table: levels}]\n"
    launched.sql("CREATE SCHEMA app")
    launched.sql("ALTER TABLE tier RENAME TO levels")
    launched.sql("ALTER TABLE levels SET SCHEMA app")
    seed(launched, *changed(ROWS), head=head)
    assert counts(launched.update(), "tiers") == {"update": 3, "record": 1}
    seed(launched, *changed(ROWS, "lim: 1", "lim: 3"), head=head)
    assert counts(launched.update(), "tiers") == {"update": 3, "keep": 1}
    launched.assert_settled()


def test_a_fresh_database_takes_no_notice_of_former_names(project: Project) -> None:
    project.sql(TABLE.replace("TABLE tier", "TABLE tiers"))
    seed(project, *ROWS, head="table: tiers\nkey: name\nwas: [{table: tier}, {key: [code]}]\n")
    assert counts(project.init(), "tiers") == {"insert": 4}
    project.assert_settled()


def test_two_sets_that_share_a_renamed_table_both_follow(project: Project) -> None:
    project.sql(TABLE)
    seed(project, *ROWS[:2])
    more = "  - {name: Tin, label: T, lim: 1}\n  - {name: Bad, label: B, lim: 1}\n"
    project.write("more", f"table: tier\nkey: name\nrows:\n{more}")
    project.init()
    project.sql("DELETE FROM tier WHERE name IN ('Iron', 'Bad')")
    project.sql("ALTER TABLE tier RENAME TO tiers")
    seed(project, *ROWS[:2], head="table: tiers\nkey: name\nwas: {table: tier}\n")
    project.write("more", f"table: tiers\nkey: name\nrows:\n{more}")
    project.update()
    assert project.rows("SELECT name FROM tiers ORDER BY name") == [("Gold",), ("Tin",)]
    project.assert_settled()


CODED = tuple(row.replace("{name: ", f"{{code: {row[7].lower()}, name: ") for row in ROWS)
BY_CODE = "table: tier\nkey: code\nwas: {key: name}\n"


def test_a_new_key_that_a_migration_filled_keeps_what_was_known(launched: Project) -> None:
    launched.sql("UPDATE tier SET code = lower(left(name, 1))")
    seed(launched, *changed(CODED), head=BY_CODE)
    result = launched.update()
    assert counts(result, "tiers") == {"move": 3, "record": 1}
    assert launched.rows("SELECT code, name, label, lim FROM tier ORDER BY id") == [
        ("g", "Gold", "G", 2),
        ("i", "Iron", "Mine", 2),
        ("z", "Zinc", "Z", 2),
    ]
    assert [each["addr"] for each in launched.entries("tier")] == ["g", "i", "l", "z"]
    launched.assert_settled()


def test_a_key_by_a_column_that_was_seeded_before_follows_what_was_applied_to_it(
    project: Project,
) -> None:
    project.sql(TABLE)
    seed(project, *CODED)
    project.init()
    project.sql("DELETE FROM tier WHERE code = 'l'")
    renamed = tuple(row.replace("name: Gold", "name: Golden") for row in CODED)
    seed(project, *renamed, head=BY_CODE)
    assert counts(project.update(), "tiers") == {"update": 1, "record": 1}
    assert project.rows("SELECT code, name FROM tier ORDER BY id") == [
        ("g", "Golden"),
        ("i", "Iron"),
        ("z", "Zinc"),
    ]
    project.assert_settled()


def test_rows_that_refer_to_rows_with_a_new_key_are_the_same_rows(launched: Project) -> None:
    launched.sql(
        "CREATE TABLE perks (id serial PRIMARY KEY, tier_id int REFERENCES tier, what text,"
        " note text, UNIQUE (tier_id, what))"
    )
    head = "table: perks\nkey: [tier_id, what]\ncolumns: {tier_id: {ref: tiers}}\nrows:\n"
    launched.write(
        "perks",
        head + "  - {tier_id: Gold, what: a, note: x}\n  - {tier_id: Gold, what: b, note: x}\n",
    )
    launched.update()
    launched.sql("DELETE FROM perks WHERE what = 'b'")
    launched.sql("UPDATE perks SET note = 'Mine'")
    launched.sql("UPDATE tier SET code = lower(left(name, 1))")
    seed(launched, *CODED, head=BY_CODE)
    launched.write(
        "perks",
        head + "  - {tier_id: g, what: a, note: x}\n  - {tier_id: g, what: b, note: x}\n",
    )
    launched.init()
    assert [each["addr"] for each in launched.entries("perks")] == ["g,a", "g,b"]
    launched.update()
    assert launched.rows("SELECT what, note FROM perks") == [("a", "Mine")]
    launched.assert_settled()


def test_a_column_of_the_key_that_moves_into_the_scope_is_followed(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, org int, name text, UNIQUE (org, name))")
    project.write("t", "table: t\nkey: [org, name]\nrows:\n  - {org: 1, name: a}\n"
                  "  - {org: 1, name: b}\n")  # fmt: skip
    project.init()
    project.sql("DELETE FROM t WHERE name = 'b'")
    project.write("t", "table: t\nkey: [org, name]\nscope: {org: 1}\nwas: {scope: {}}\nrows:\n"
                  "  - {name: a}\n  - {name: b}\n")  # fmt: skip
    project.update()
    assert project.rows("SELECT org, name FROM t") == [(1, "a")]
    project.assert_settled()


def test_a_scope_with_another_value_is_followed_where_it_is_declared(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, org int, name text, UNIQUE (org, name))")
    text = "table: t\nkey: name\nscope: {org: ORG}\nrows:\n  - {name: a}\n  - {name: b}\n"
    project.write("t", text.replace("ORG", "1"))
    project.init()
    project.sql("DELETE FROM t")
    project.sql("UPDATE t SET org = 2")
    project.write("t", text.replace("ORG", "2") + "was: {scope: {org: 1}}\n")
    project.update(allow_missing=("t",))
    assert project.rows("SELECT org, name FROM t") == []
    project.assert_settled()


def test_a_row_that_leaves_after_its_scope_has_changed_is_no_edit_of_a_person(
    project: Project,
) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, org int, name text, UNIQUE (org, name))")
    text = "table: t\nkey: name\nscope: {org: ORG}\nremoved: delete\nrows:\n  - {name: a}\n"
    project.write("t", text.replace("ORG", "1") + "  - {name: b}\n")
    project.init()
    project.sql("UPDATE t SET org = 2")
    project.write("t", text.replace("ORG", "2") + "was: {scope: {org: 1}}\n")
    assert counts(project.update(), "t") == {"delete": 1}
    assert project.rows("SELECT org, name FROM t") == [(2, "a")]
    project.assert_settled()


# -- what nobody declared ------------------------------------------------------------------


def test_an_undeclared_table_leaves_the_set_pending_and_says_which_line_to_write(
    launched: Project,
) -> None:
    launched.sql("ALTER TABLE tier RENAME TO tiers")
    seed(launched, *ROWS, head="table: tiers\nkey: name\n")
    launched.configure(release="2")
    before = launched.rows("SELECT * FROM tiers ORDER BY id")
    for mode in (Mode.UPDATE, Mode.INIT, Mode.AUTO):
        result = launched.run(mode)
        assert outcome(result, "tiers").decision is SetDecision.PENDING
        assert result.counts == {"pending": 1}
        (warning,) = result.warnings
        assert "public.tier, which is gone" in warning
        assert "`was: {table: tier}`" in warning
    assert "`was: {table: tier}`" in launched.plans["tiers"].reason
    assert launched.rows("SELECT * FROM tiers ORDER BY id") == before
    assert launched.rows("SELECT * FROM seeder.releases") == []
    seed(launched, *ROWS, head="table: tiers\nkey: name\nwas: {table: tier}\n")
    assert counts(launched.update(), "tiers") == {"record": 1}
    assert launched.rows("SELECT release FROM seeder.releases") == [("2",)]


def test_an_undeclared_key_leaves_the_set_pending_and_says_which_line_to_write(
    launched: Project,
) -> None:
    launched.sql("UPDATE tier SET code = lower(left(name, 1))")
    seed(launched, *CODED, head="table: tier\nkey: code\n")
    result = launched.update()
    assert outcome(result, "tiers").decision is SetDecision.PENDING
    assert "`was: {key: [name]}`" in result.warnings[0]
    assert launched.value("SELECT count(*) FROM tier") == 3


def test_a_table_renamed_together_with_its_file_is_recognised_by_its_rows(
    launched: Project,
) -> None:
    launched.sql("ALTER TABLE tier RENAME TO plans")
    launched.remove("tiers")
    launched.write("plans", "table: plans\nkey: name\nrows:\n  - {name: Gold}\n")
    assert "`was: {table: tier}`" in launched.update().warnings[0]


def test_a_new_set_on_an_empty_table_is_new_although_another_table_is_gone(
    launched: Project,
) -> None:
    launched.sql("DROP TABLE tier")
    launched.sql("CREATE TABLE plans (id serial PRIMARY KEY, name text NOT NULL UNIQUE)")
    launched.remove("tiers")
    launched.write("plans", "table: plans\nkey: name\nrows:\n  - {name: Gold}\n")
    assert counts(launched.update(), "plans") == {"insert": 1}


def test_rows_deleted_here_need_the_old_key_until_the_new_one_is_applied(
    launched: Project,
) -> None:
    launched.sql("UPDATE tier SET code = lower(left(name, 1))")
    launched.sql("ALTER TABLE tier ALTER name DROP NOT NULL")
    seed(launched, *(f"{{code: {code}, lim: 2}}" for code in "gilz"), head=BY_CODE)
    result = launched.update()
    assert outcome(result, "tiers").decision is SetDecision.PENDING
    assert "give that in the rows as well" in result.warnings[0]
    assert launched.value("SELECT max(lim) FROM tier") == 1


def test_a_set_whose_old_place_another_set_has_is_left_pending(project: Project) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, org int, name text, code text,"
                " UNIQUE (org, name), UNIQUE (org, code))")  # fmt: skip
    text = "table: t\nkey: name\nscope: {org: ORG}\nrows:\n  - {name: a, code: c}\n"
    project.write("one", text.replace("ORG", "1"))
    project.write("two", text.replace("ORG", "2"))
    project.init()
    project.write(
        "one", text.replace("ORG", "1").replace("key: name", "key: code\nwas: {key: name}")
    )
    result = project.update()
    assert "the set two still has the table public.t" in result.warnings[0]
    assert outcome(result, "one").decision is SetDecision.PENDING
