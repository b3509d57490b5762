"""Which live row is it: the ledger's primary key, the natural key, and people in between."""

from __future__ import annotations

import pytest

from seeder.errors import SeedingFailed
from seeder.merge.plan import RowAction
from tests.support.merge import Project, counts, outcome

ROLES = "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)"


def seed(project: Project, *codes: str, head: str = "", **names: str) -> None:
    listed = "".join(f"  - {{code: {c}, name: {names.get(c, c.title())}}}\n" for c in codes)
    project.write("roles", f"table: roles\nkey: code\n{head}rows:\n{listed}")


def live(project: Project) -> list[tuple[object, ...]]:
    return project.rows("SELECT id, code, name FROM roles ORDER BY id")


@pytest.fixture
def launched(project: Project) -> Project:
    """Roles a, b, c and d, seeded."""
    project.sql(ROLES)
    seed(project, "a", "b", "c", "d")
    project.init()
    return project


def test_a_renamed_row_stays_ours_and_keeps_its_new_key(launched: Project) -> None:
    launched.sql("UPDATE roles SET code = 'mine' WHERE code = 'b'")
    launched.assert_settled()
    seed(launched, "a", "b", "c", "d", b="New")
    assert counts(launched.update(), "roles") == {"update": 1}
    assert live(launched)[1] == (2, "mine", "New")
    launched.assert_settled()


def test_a_renamed_row_is_not_inserted_again_under_its_old_key(launched: Project) -> None:
    launched.sql("UPDATE roles SET code = 'mine' WHERE code = 'b'")
    for _ in range(2):
        launched.update()
    assert [code for _, code, _ in live(launched)] == ["a", "mine", "c", "d"]


def test_a_renamed_row_with_its_key_taken_by_another_is_ambiguous(launched: Project) -> None:
    launched.sql("UPDATE roles SET code = 'mine' WHERE code = 'b'")
    launched.sql("INSERT INTO roles (code, name) VALUES ('b', 'Theirs')")
    seed(launched, "a", "b", "c", "d", b="New")
    before = live(launched)
    result = launched.update()
    assert counts(result, "roles") == {"keep": 1, "conflicts": 1}
    (kept,) = outcome(result, "roles").kept
    assert (kept.address, kept.action, kept.conflict) == ("roles/b", RowAction.KEEP, True)
    assert live(launched) == before


def test_two_rows_swapped_by_a_person_are_both_found_by_their_keys(launched: Project) -> None:
    launched.sql(
        "UPDATE roles SET code = 'x' WHERE code = 'a'; UPDATE roles SET code = 'a'"
        " WHERE code = 'b'; UPDATE roles SET code = 'b' WHERE code = 'x'"
    )
    launched.update()
    seed(launched, "a", "b", "c", "d", a="New")
    launched.update()
    assert ("a", "New") in [(code, name) for _, code, name in live(launched)] or counts(
        launched.update(), "roles"
    ) == {}
    launched.assert_settled()


def test_a_row_that_took_the_key_of_a_deleted_one_is_not_written_twice(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'a'; UPDATE roles SET code = 'a' WHERE code = 'b'")
    seed(launched, "a", "b", "c", "d", a="NewA", b="NewB")
    launched.update()
    names = [name for _, code, name in live(launched) if code == "a"]
    assert len(names) == 1
    launched.update()
    launched.assert_settled()
    assert [name for _, code, name in live(launched) if code == "a"] == names


def test_a_row_recreated_under_a_new_primary_key_merges_with_its_old_base(
    launched: Project,
) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    launched.sql("INSERT INTO roles (code, name) VALUES ('b', 'B')")
    seed(launched, "a", "b", "c", "d", b="New")
    assert counts(launched.update(), "roles") == {"update": 1}
    assert live(launched)[-1] == (5, "b", "New")
    assert launched.entry("roles", "b")["p1"] == 5
    launched.assert_settled()


def test_a_recreated_row_that_needs_nothing_is_recorded_with_its_new_primary_key(
    launched: Project,
) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    launched.sql("INSERT INTO roles (code, name) VALUES ('b', 'Mine')")
    assert counts(launched.update(), "roles") == {"record": 1}
    assert launched.entry("roles", "b")["p1"] == 5
    launched.assert_settled()


def test_a_primary_key_reused_by_another_seeded_row_is_no_rename(launched: Project) -> None:
    launched.sql("TRUNCATE roles RESTART IDENTITY")
    launched.sql(
        "INSERT INTO roles (code, name) VALUES ('d', 'D'), ('c', 'C'), ('b', 'Mine'), ('a', 'A')"
    )
    seed(launched, "a", "b", "c", "d", a="NewA", b="NewB", c="NewC", d="NewD")
    with pytest.raises(SeedingFailed):  # every row is under another key: is it the database?
        launched.update()
    launched.update(allow_missing=("roles",))
    assert live(launched) == [
        (1, "d", "NewD"),
        (2, "c", "NewC"),
        (3, "b", "Mine"),
        (4, "a", "NewA"),
    ]
    launched.assert_settled()


def test_a_primary_key_reused_by_a_seeded_row_whose_own_place_is_empty_means_deleted(
    launched: Project,
) -> None:
    launched.sql("DELETE FROM roles WHERE code IN ('a', 'b')")
    launched.sql("INSERT INTO roles (id, code, name) VALUES (1, 'b', 'B')")
    seed(launched, "a", "b", "c", "d", a="NewA", b="NewB")
    launched.update()
    assert live(launched)[0] == (1, "b", "NewB")
    assert launched.entry("roles", "a")["state"] == "d"
    launched.assert_settled()


def test_a_row_that_a_person_renamed_to_a_key_that_the_catalog_brings_later_is_taken(
    launched: Project,
) -> None:
    launched.sql("UPDATE roles SET code = 'e' WHERE code = 'b'")
    seed(launched, "a", "b", "c", "d", "e")
    result = launched.update()
    assert counts(result, "roles").get("insert") is None
    assert [code for _, code, _ in live(launched)] == ["a", "e", "c", "d"]
    launched.update()
    launched.assert_settled()


def test_twins_among_the_live_rows_are_refused(project: Project) -> None:
    project.sql("CREATE TABLE roles (id serial PRIMARY KEY, code text, name text, org int)")
    project.sql("CREATE UNIQUE INDEX ON roles (code) WHERE org IS NOT NULL")
    project.sql("INSERT INTO roles (code) VALUES ('a'), ('a')")
    project.write("roles", "table: roles\nkey: code\nscope: {org: null}\nrows: [{code: a}]\n")
    project.surveyed = False
    with pytest.raises(SeedingFailed) as caught:
        project.update()
    assert caught.value.exit_code == 18
    assert "roles/a" in str(caught.value)


def test_a_citext_key_whose_case_changes_is_the_same_row(project: Project) -> None:
    project.sql("CREATE EXTENSION citext")
    project.sql("CREATE TABLE roles (id serial PRIMARY KEY, code citext UNIQUE, name text)")
    seed(project, "alpha", "beta", alpha="One", beta="Two")
    project.init()
    seed(project, "Alpha", "beta", Alpha="One", beta="Two")
    assert counts(project.update(), "roles") == {"update": 1}
    assert live(project) == [(1, "Alpha", "One"), (2, "beta", "Two")]
    assert [e["addr"] for e in project.entries("roles")] == ["Alpha", "beta"]
    project.assert_settled()


def test_a_key_written_in_another_form_is_the_same_row(project: Project) -> None:
    project.sql("CREATE TABLE t (code numeric PRIMARY KEY, name text)")
    project.write("t", "table: t\nkey: code\nrows: [{code: 1.0, name: a}]\n")
    project.init()
    project.write("t", "table: t\nkey: code\nrows: [{code: 1.00, name: b}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT name FROM t") == [("b",)]
    project.assert_settled()


def test_a_natural_primary_key_renamed_by_a_person_is_a_deletion(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, name text)")
    project.write("t", "table: t\nkey: code\nrows: [{code: a, name: x}, {code: b, name: z2}]\n")
    project.init()
    project.sql("UPDATE t SET code = 'mine' WHERE code = 'a'")
    assert counts(project.update(), "t") == {"record": 1}
    assert project.rows("SELECT code FROM t ORDER BY 1") == [("b",), ("mine",)]
    project.assert_settled()


def test_a_natural_primary_key_that_moves_takes_the_row_along(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, name text)")
    project.write("t", "table: t\nkey: code\nrows: [{code: a, name: x}, {code: b, name: z2}]\n")
    project.init()
    project.sql("UPDATE t SET name = 'mine' WHERE code = 'a'")
    project.write(
        "t",
        "table: t\nkey: code\nmoved: [{from: a, to: z}]\n"
        "rows: [{code: z, name: x}, {code: b, name: z2}]\n",
    )
    assert counts(project.update(), "t") == {"move": 1}
    assert project.rows("SELECT * FROM t ORDER BY 1") == [("b", "z2"), ("z", "mine")]
    project.assert_settled()


def test_a_table_without_primary_key_is_known_by_its_natural_key(project: Project) -> None:
    project.sql("CREATE TABLE t (code text NOT NULL UNIQUE, name text)")
    project.write("t", "table: t\nkey: code\nrows: [{code: a, name: x}, {code: b, name: z2}]\n")
    project.init()
    project.assert_settled()
    project.write("t", "table: t\nkey: code\nremoved: delete\nrows: [{code: a, name: z}]\n")
    assert counts(project.update(), "t") == {"update": 1, "delete": 1}
    assert project.rows("SELECT * FROM t") == [("a", "z")]
    project.assert_settled()


def test_a_key_column_that_is_a_reference_renamed_by_a_person_stays_the_row(
    project: Project,
) -> None:
    project.sql(ROLES)
    project.sql(
        "CREATE TABLE grants (id serial PRIMARY KEY, role_id int NOT NULL REFERENCES roles,"
        " perm text NOT NULL, note text, UNIQUE (role_id, perm))"
    )
    seed(project, "a", "b")

    def grants(note: str) -> None:
        project.write(
            "grants",
            f"""
            table: grants
            key: [role_id, perm]
            columns: {{role_id: {{ref: roles}}}}
            rows:
              - {{role_id: a, perm: view, note: {note}}}
              - {{role_id: b, perm: view, note: {note}}}
            """,
        )

    grants("one")
    project.init()
    project.sql("UPDATE roles SET code = 'mine' WHERE code = 'a'")
    project.sql("UPDATE grants SET perm = 'edit' WHERE role_id = 1")
    grants("two")
    assert counts(project.update(), "grants") == {"update": 2}
    assert project.rows("SELECT role_id, perm, note FROM grants ORDER BY 1") == [
        (1, "edit", "two"),
        (2, "view", "two"),
    ]
    project.assert_settled()


# -- references in the key -----------------------------------------------------------------

LIMITS = """
    CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE NOT NULL, code text UNIQUE);
    CREATE TABLE limits (
        id serial PRIMARY KEY, tier_id integer NOT NULL REFERENCES tiers,
        what text NOT NULL, top integer, UNIQUE (tier_id, what)
    );
"""


def write_limits(
    project: Project, *rows: str, head: str = "columns: {tier_id: {ref: tiers}}"
) -> None:
    listed = "".join(f"  - {row}\n" for row in rows)
    project.write(
        "limits",
        f"table: limits\nkey: [tier_id, what]\nremoved: delete\n{head}\nrows:\n{listed}",
    )


def test_a_key_that_becomes_a_reference_keeps_its_rows(project: Project) -> None:
    project.sql(LIMITS)
    project.write(
        "tiers", "table: tiers\nkey: name\nrows: [{name: free}, {name: pro}, {name: max}]\n"
    )
    write_limits(
        project,
        "{tier_id: 1, what: seats, top: 1}",
        "{tier_id: 2, what: seats, top: 5}",
        "{tier_id: 3, what: seats, top: 9}",
        head="",
    )
    project.init()
    project.sql("UPDATE limits SET top = 50 WHERE tier_id = 2")
    project.sql("DELETE FROM limits WHERE tier_id = 3")
    write_limits(
        project,
        "{tier_id: free, what: seats, top: 2}",
        "{tier_id: pro, what: seats, top: 6}",
        "{tier_id: max, what: seats, top: 9}",
    )
    project.update()
    assert project.rows("SELECT id, tier_id, top FROM limits ORDER BY id") == [
        (1, 1, 2),
        (2, 2, 50),
    ]
    project.assert_settled()


def test_rows_follow_a_referenced_set_that_gets_another_key(project: Project) -> None:
    project.sql(LIMITS)
    project.write(
        "tiers",
        """
        table: tiers
        key: name
        rows: [{name: free, code: T1}, {name: pro, code: T2}, {name: max, code: T3}]
        """,
    )
    write_limits(
        project,
        "{tier_id: free, what: seats, top: 1}",
        "{tier_id: pro, what: seats, top: 5}",
        "{tier_id: max, what: seats, top: 9}",
    )
    project.init()
    project.sql("UPDATE limits SET top = 50 WHERE tier_id = 2")
    project.sql("DELETE FROM limits WHERE tier_id = 3")
    project.write(
        "tiers",
        """
        table: tiers
        key: code
        was: {key: name}
        rows: [{name: free, code: T1}, {name: pro, code: T2}, {name: max, code: T3}]
        """,
    )
    write_limits(
        project,
        "{tier_id: T1, what: seats, top: 2}",
        "{tier_id: T2, what: seats, top: 6}",
        "{tier_id: T3, what: seats, top: 9}",
    )
    project.update()
    assert project.rows("SELECT id, tier_id, top FROM limits ORDER BY id") == [
        (1, 1, 2),
        (2, 2, 50),
    ]
    project.assert_settled()


def test_a_row_whose_key_refers_to_a_deleted_row_is_skipped_and_not_taken_for_deleted(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE NOT NULL, gone boolean);"
        "CREATE TABLE limits (id serial PRIMARY KEY, tier_id integer NOT NULL REFERENCES tiers,"
        " what text NOT NULL, top integer, UNIQUE (tier_id, what))"
    )
    project.write(
        "tiers", "table: tiers\nkey: name\ndeleted: gone\nrows: [{name: free}, {name: pro}]\n"
    )
    write_limits(
        project, "{tier_id: free, what: seats, top: 1}", "{tier_id: pro, what: seats, top: 5}"
    )
    project.init()
    project.sql("UPDATE tiers SET gone = true WHERE name = 'pro'")
    write_limits(
        project, "{tier_id: free, what: seats, top: 1}", "{tier_id: pro, what: seats, top: 6}"
    )
    assert counts(project.update(), "limits")["skip"] == 1
    assert project.entry("limits", "pro,seats")["state"] == "a"
    project.sql("UPDATE tiers SET gone = NULL")
    assert counts(project.update(), "limits") == {"update": 1}
    assert project.rows("SELECT tier_id, top FROM limits ORDER BY 1") == [(1, 1), (2, 6)]
    project.assert_settled()


def test_a_row_that_seeder_deleted_stays_away_while_a_person_has_given_its_key_to_another(
    project: Project,
) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, code text NOT NULL UNIQUE)")

    def write(*codes: str) -> None:
        listed = "".join(f"  - {{code: {code}}}\n" for code in codes)
        project.write("t", f"table: t\nkey: code\nremoved: delete\nrows:\n{listed}")

    write("a", "b")
    project.init()
    write("b")
    project.update()
    project.sql("UPDATE t SET code = 'a' WHERE code = 'b'")
    write("a", "b")
    assert counts(project.update(), "t") == {"keep": 1, "conflicts": 1}
    assert project.rows("SELECT id, code FROM t") == [(2, "a")]
    project.assert_settled()
    project.sql("UPDATE t SET code = 'b'")
    assert counts(project.update(), "t") == {"restore": 1}
    assert project.rows("SELECT code FROM t ORDER BY 1") == [("a",), ("b",)]
    project.assert_settled()


def test_no_two_rows_of_the_catalog_are_the_same_row_after_keys_went_round(
    project: Project,
) -> None:
    project.sql("CREATE TABLE t (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)")

    def write(**rows: str) -> None:
        listed = "".join(f"  - {{code: {code}, name: {name}}}\n" for code, name in rows.items())
        project.write("t", f"table: t\nkey: code\nrows:\n{listed}")

    write(a="one", b="one")
    project.init()
    project.sql("UPDATE t SET code = 'x' WHERE id = 2; UPDATE t SET code = 'b' WHERE id = 1")
    project.update()
    assert project.entry("t", "a")["state"] == "d"
    project.sql("UPDATE t SET code = 'c' WHERE id = 1; UPDATE t SET code = 'b' WHERE id = 2")
    write(a="one", b="one", c="two")
    project.update()
    looked_after = [e["p1"] for e in project.entries("t") if e["state"] == "a"]
    assert sorted(looked_after) == [1, 2]
    assert project.entry("t", "a")["state"] == "d"
    project.assert_settled()


def test_a_reference_does_not_lead_to_a_row_that_a_person_gave_the_key_to(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE teams (id serial PRIMARY KEY, code text NOT NULL UNIQUE);"
        "CREATE TABLE members (code text PRIMARY KEY, team int REFERENCES teams)"
    )
    head = "table: teams\nkey: code\nremoved: delete\n"
    project.write("teams", f"{head}rows: [{{code: admins}}, {{code: guests}}]\n")
    project.init()
    project.write("teams", f"{head}rows: [{{code: guests}}]\n")
    project.update()
    project.sql("UPDATE teams SET code = 'admins' WHERE code = 'guests'")
    project.write("teams", f"{head}rows: [{{code: admins}}, {{code: guests}}]\n")
    project.write(
        "members",
        "table: members\nkey: code\ncolumns: {team: {ref: teams}}\n"
        "rows: [{code: ada, team: admins}, {code: bob, team: guests}]\n",
    )
    result = project.update()
    assert counts(result, "members") == {"insert": 1, "skip": 1}
    assert project.rows("SELECT code, team FROM members") == [("bob", 2)]


def test_a_mark_is_taken_off_where_keys_were_swapped_and_a_trigger_rewrites(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE t (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text, note text);"
        "CREATE FUNCTION lower_name() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN NEW.name := lower(NEW.name); RETURN NEW; END$$;"
        "CREATE TRIGGER lower_name BEFORE INSERT OR UPDATE ON t"
        " FOR EACH ROW EXECUTE FUNCTION lower_name()"
    )
    head = "table: t\nkey: code\nremoved: {set: {note: gone}}\n"
    both = f"{head}rows: [{{code: a, name: one}}, {{code: b, name: one}}]\n"
    project.write("t", both)
    project.init()
    project.sql(
        "UPDATE t SET code = '?' WHERE id = 1; UPDATE t SET code = 'a' WHERE id = 2;"
        "UPDATE t SET code = 'b' WHERE id = 1"
    )
    project.write("t", f"{head}rows: [{{code: b, name: one}}]\n")
    project.update()
    assert project.rows("SELECT id, code, note FROM t ORDER BY 1") == [
        (1, "b", None),
        (2, "a", "gone"),
    ]
    assert project.entry("t", "a")["p1"] == 2
    project.write("t", both)
    project.update()
    assert project.rows("SELECT code, note FROM t ORDER BY 1") == [("a", None), ("b", None)]
    project.assert_settled()
