"""The column table: last applied, live and desired, case by case."""

from __future__ import annotations

import hashlib

import pytest

from seeder.merge.model import Mode
from seeder.merge.plan import ColumnCase, RowAction
from tests.support.merge import Project, counts, outcome
from tests.support.tiers import TABLE, live, seed


@pytest.fixture
def launched(project: Project) -> Project:
    """One tier, seeded: code a, name Alpha, lim 1."""
    project.sql(TABLE)
    seed(project, "{code: a, name: Alpha, lim: 1}")
    project.init()
    return project


def test_a_live_edit_survives_while_the_catalog_asks_for_nothing_new(launched: Project) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    launched.assert_settled()
    assert live(launched) == [("a", "Mine", 1)]


def test_a_new_desired_value_arrives_where_nobody_changed_the_live_one(launched: Project) -> None:
    seed(launched, "{code: a, name: Beta, lim: 1}")
    assert counts(launched.update(), "tiers") == {"update": 1}
    assert live(launched) == [("a", "Beta", 1)]
    launched.assert_settled()


def test_a_new_default_for_one_column_keeps_an_edit_of_another(launched: Project) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Alpha, lim: 2}")
    launched.update()
    assert live(launched) == [("a", "Mine", 2)]
    launched.assert_settled()


def test_a_live_value_that_already_is_as_desired_is_recorded_without_a_write(
    launched: Project,
) -> None:
    launched.sql("UPDATE tiers SET name = 'Beta'")
    before = launched.rows("SELECT xmin FROM tiers")
    seed(launched, "{code: a, name: Beta, lim: 1}")
    assert counts(launched.update(), "tiers") == {"record": 1}
    assert launched.rows("SELECT xmin FROM tiers") == before
    assert launched.entry("tiers", "a")["asked"]["name"] == "Beta"
    launched.assert_settled()
    seed(launched, "{code: a, name: Gamma, lim: 1}")
    launched.update()
    assert live(launched) == [("a", "Gamma", 1)]


def test_a_conflict_keeps_the_live_value_and_is_reported_once(launched: Project) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Beta, lim: 1}")
    result = launched.update()
    assert counts(result, "tiers") == {"keep": 1, "conflicts": 1}
    (kept,) = outcome(result, "tiers").kept
    (column,) = kept.columns
    assert (kept.address, column.name, column.case) == ("tiers/a", "name", ColumnCase.CONFLICT)
    assert (column.asked, column.live, column.desired) == ("Alpha", "Mine", "Beta")
    again = launched.update()
    assert counts(again, "tiers") == {}
    launched.assert_settled()
    assert live(launched) == [("a", "Mine", 1)]


def test_an_offer_that_changes_is_reported_again(launched: Project) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Beta, lim: 1}")
    launched.update()
    seed(launched, "{code: a, name: Gamma, lim: 1}")
    assert counts(launched.update(), "tiers") == {"keep": 1, "conflicts": 1}
    assert live(launched) == [("a", "Mine", 1)]


def test_a_conflict_in_one_column_does_not_hold_back_another(launched: Project) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Beta, lim: 2}")
    assert counts(launched.update(), "tiers") == {"update": 1, "conflicts": 1}
    assert live(launched) == [("a", "Mine", 2)]
    assert counts(launched.update(), "tiers") == {}
    launched.assert_settled()


def test_a_value_kept_out_is_applied_once_the_live_value_returns_to_what_was_applied(
    launched: Project,
) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Beta, lim: 1}")
    launched.update()
    launched.sql("UPDATE tiers SET name = 'Alpha'")
    assert counts(launched.update(), "tiers") == {"update": 1}
    assert live(launched) == [("a", "Beta", 1)]
    launched.assert_settled()


def test_a_conflict_ends_when_a_person_takes_the_desired_value(launched: Project) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Beta, lim: 1}")
    launched.update()
    launched.sql("UPDATE tiers SET name = 'Beta'")
    assert counts(launched.update(), "tiers") == {"record": 1}
    assert launched.entry("tiers", "a")["notes"] is None


def test_conflict_overwrite_writes_the_desired_value_and_records_what_it_was(
    launched: Project,
) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Beta, lim: 1}", head="conflict: overwrite\n")
    result = launched.update()
    assert counts(result, "tiers") == {"update": 1}
    assert live(launched) == [("a", "Beta", 1)]
    changes = launched.rows("SELECT action, before, after FROM seeder.changes")
    assert changes == [("update", {"name": "Mine"}, {"name": "Beta"})]
    launched.assert_settled()


def test_conflict_overwrite_leaves_edits_alone_while_nothing_new_is_asked(
    launched: Project,
) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Alpha, lim: 1}", head="conflict: overwrite\n")
    launched.assert_settled()
    assert live(launched) == [("a", "Mine", 1)]


def test_null_is_a_value_like_any_other(launched: Project) -> None:
    seed(launched, "{code: a, name: null, lim: 1}")
    launched.update()
    assert live(launched) == [("a", None, 1)]
    launched.assert_settled()
    seed(launched, "{code: a, name: '', lim: 1}")
    launched.update()
    assert live(launched) == [("a", "", 1)]
    launched.sql("UPDATE tiers SET name = NULL")
    seed(launched, "{code: a, name: New, lim: 1}")
    assert counts(launched.update(), "tiers")["conflicts"] == 1
    assert live(launched) == [("a", None, 1)]


def test_null_that_was_offered_and_kept_out_is_reported_once(launched: Project) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: null, lim: 1}")
    assert counts(launched.update(), "tiers") == {"keep": 1, "conflicts": 1}
    assert counts(launched.update(), "tiers") == {}
    launched.assert_settled()
    seed(launched, "{code: a, name: Beta, lim: 1}")
    assert counts(launched.update(), "tiers") == {"keep": 1, "conflicts": 1}


def test_an_adopted_row_that_differs_is_kept_and_reported_once(project: Project) -> None:
    project.sql(TABLE)
    project.sql("INSERT INTO tiers (code, name, lim) VALUES ('a', 'Mine', 1), ('z', 'Z', 9)")
    seed(project, "{code: a, name: Alpha, lim: 1}", "{code: b, name: Beta, lim: 2}")
    result = project.update()
    assert counts(result, "tiers") == {"adopt": 1, "insert": 1, "conflicts": 1}
    assert live(project) == [("a", "Mine", 1), ("b", "Beta", 2), ("z", "Z", 9)]
    assert counts(project.update(), "tiers") == {}
    project.assert_settled()


def test_an_adopted_value_merges_from_then_on(project: Project) -> None:
    project.sql(TABLE)
    project.sql("INSERT INTO tiers (code, name, lim) VALUES ('a', 'Alpha', 1)")
    seed(project, "{code: a, name: Alpha, lim: 1}")
    assert counts(project.update(), "tiers") == {"adopt": 1}
    seed(project, "{code: a, name: Beta, lim: 1}")
    assert counts(project.update(), "tiers") == {"update": 1}
    assert live(project) == [("a", "Beta", 1)]
    project.assert_settled()


def test_an_adopted_value_that_was_never_known_stays_whatever_the_catalog_asks(
    project: Project,
) -> None:
    project.sql(TABLE)
    project.sql("INSERT INTO tiers (code, name, lim) VALUES ('a', 'Mine', 1)")
    seed(project, "{code: a, name: Alpha, lim: 1}")
    project.update()
    seed(project, "{code: a, name: Beta, lim: 1}")
    assert counts(project.update(), "tiers") == {"keep": 1, "conflicts": 1}
    seed(project, "{code: a, name: Mine, lim: 1}")
    assert counts(project.update(), "tiers") == {"record": 1}
    seed(project, "{code: a, name: Gamma, lim: 1}")
    assert counts(project.update(), "tiers") == {"update": 1}
    assert live(project) == [("a", "Gamma", 1)]


def test_adoption_with_overwrite_takes_the_catalogs_values(project: Project) -> None:
    project.sql(TABLE)
    project.sql("INSERT INTO tiers (code, name, lim) VALUES ('a', 'Mine', 1)")
    seed(project, "{code: a, name: Alpha, lim: 1}", head="conflict: overwrite\n")
    assert counts(project.update(), "tiers") == {"adopt": 1}
    assert live(project) == [("a", "Alpha", 1)]
    project.assert_settled()


# -- columns that do not merge -------------------------------------------------------------


def test_update_always_writes_in_every_update_and_in_no_ordinary_deploy(
    launched: Project,
) -> None:
    always = "columns: {name: {update: always}}\n"
    seed(launched, "{code: a, name: Alpha, lim: 1}", head=always)
    launched.update()
    launched.sql("UPDATE tiers SET name = 'Mine', lim = 7")
    launched.init()
    assert live(launched) == [("a", "Mine", 7)]
    assert counts(launched.update(), "tiers") == {"update": 1}
    assert live(launched) == [("a", "Alpha", 7)]
    launched.assert_settled()


@pytest.mark.parametrize("mode", [Mode.UPDATE, Mode.REFRESH])
def test_a_value_that_is_always_written_and_always_rewritten_is_written_once(
    project: Project, mode: Mode
) -> None:
    project.environment = "dev"
    project.sql(TABLE)
    project.sql(
        """
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
        CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON tiers
        FOR EACH ROW EXECUTE FUNCTION shout();
        """
    )
    always = "columns: {name: {update: always}}\n" if mode is Mode.UPDATE else ""
    seed(project, "{code: a, name: Alpha, lim: 1}", head=always)
    project.run(mode)
    project.assert_settled(mode=mode)
    project.sql("UPDATE tiers SET name = 'mine'")
    assert counts(project.run(mode), "tiers") == {"update": 1}
    assert live(project) == [("a", "ALPHA", 1)]
    project.assert_settled(mode=mode)


def test_update_never_writes_on_insert_only(launched: Project) -> None:
    never = "columns: {name: {update: never}}\n"
    seed(launched, "{code: a, name: Beta, lim: 1}", "{code: b, name: Bravo, lim: 1}", head=never)
    assert counts(launched.update(), "tiers") == {"insert": 1}
    assert live(launched) == [("a", "Alpha", 1), ("b", "Bravo", 1)]
    launched.assert_settled()


def test_a_secret_is_in_no_ledger_plan_or_result(project: Project) -> None:
    project.sql("CREATE TABLE users (email text PRIMARY KEY, password text, name text)")

    def seed_users(password: str, name: str) -> None:
        project.write(
            "users",
            f"""
            table: users
            key: email
            columns: {{password: {{secret: true}}}}
            rows:
              - {{email: a@example.test, password: {password}, name: {name}}}
            """,
        )

    seed_users("hunter2", "A")
    first = project.init()
    seed_users("hunter3", "B")
    second = project.update()
    assert project.rows("SELECT password, name FROM users") == [("hunter2", "B")]
    dump = "".join(
        str(project.rows(f'SELECT t::text FROM seeder."{name}" t'))
        for (name,) in project.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'seeder'::regnamespace"
            " AND relkind = 'r'"
        )
    )
    assert "hunter" not in dump + repr(first) + repr(second) + repr(project.plans)
    project.assert_settled()


def test_a_secret_that_is_always_written_stays_out_of_the_audit_trail(project: Project) -> None:
    project.sql("CREATE TABLE keys (name text PRIMARY KEY, token text)")
    text = """
        table: keys
        key: name
        columns: {token: {secret: true, update: always}}
        rows:
          - {name: a, token: !env TOKEN}
        """
    project.write("keys", text)
    project.environ["TOKEN"] = "hunter2"
    project.init()
    project.environ["TOKEN"] = "hunter3"
    assert counts(project.update(), "keys") == {"update": 1}
    assert project.rows("SELECT token FROM keys") == [("hunter3",)]
    assert "hunter" not in str(project.rows("SELECT * FROM seeder.changes"))
    project.assert_settled()


# -- asked and stored ----------------------------------------------------------------------


def test_a_value_that_a_trigger_rewrites_is_no_change_of_the_catalog_nor_of_a_person(
    project: Project,
) -> None:
    project.sql(TABLE)
    project.sql(
        """
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
        CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON tiers
        FOR EACH ROW EXECUTE FUNCTION shout();
        """
    )
    seed(project, "{code: a, name: Alpha, lim: 1}")
    project.init()
    assert live(project) == [("a", "ALPHA", 1)]
    project.assert_settled()
    seed(project, "{code: a, name: Beta, lim: 1}")
    assert counts(project.update(), "tiers") == {"update": 1}
    assert live(project) == [("a", "BETA", 1)]
    project.assert_settled()
    changes = project.rows("SELECT before, after FROM seeder.changes")
    assert changes == [({"name": "ALPHA"}, {"name": "BETA"})]
    project.sql("UPDATE tiers SET name = 'mine'")
    seed(project, "{code: a, name: Gamma, lim: 1}")
    assert counts(project.update(), "tiers") == {"keep": 1, "conflicts": 1}
    assert live(project) == [("a", "MINE", 1)]


def test_what_an_after_trigger_writes_back_is_stored_as_ours(project: Project) -> None:
    project.sql(TABLE)
    project.sql(
        """
        CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
             IF pg_trigger_depth() = 1 THEN
               UPDATE tiers SET lim = NEW.lim + 100 WHERE id = NEW.id;
             END IF;
             RETURN NULL;
           END $$;
        CREATE TRIGGER bump AFTER INSERT OR UPDATE ON tiers
        FOR EACH ROW EXECUTE FUNCTION bump();
        """
    )
    seed(project, "{code: a, name: Alpha, lim: 1}")
    project.init()
    assert live(project) == [("a", "Alpha", 101)]
    project.assert_settled()
    seed(project, "{code: a, name: Alpha, lim: 2}")
    assert counts(project.update(), "tiers") == {"update": 1}
    assert live(project) == [("a", "Alpha", 102)]
    project.assert_settled()


def test_a_trigger_that_rewrites_the_key_does_not_lose_the_row(project: Project) -> None:
    project.sql(TABLE)
    project.sql(
        """
        CREATE FUNCTION fold() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.code := lower(NEW.code); RETURN NEW; END $$;
        CREATE TRIGGER fold BEFORE INSERT OR UPDATE ON tiers
        FOR EACH ROW EXECUTE FUNCTION fold();
        """
    )
    seed(project, "{code: AA, name: Alpha, lim: 1}", "{code: b, name: Beta, lim: 1}")
    project.init()
    assert live(project) == [("aa", "Alpha", 1), ("b", "Beta", 1)]
    project.assert_settled()
    seed(project, "{code: AA, name: Gamma, lim: 1}", "{code: b, name: Beta, lim: 1}")
    project.update()
    assert live(project) == [("aa", "Gamma", 1), ("b", "Beta", 1)]


def test_equality_is_that_of_the_columns_type(project: Project) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, price numeric, doc json)")
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a, price: 1.0, doc: {x: 1, y: 2}}\n")
    project.init()
    before = project.snapshot()["public.t"]
    project.write(
        "t", "table: t\nkey: code\nrows:\n  - {code: a, price: 1.00, doc: {y: 2, x: 1}}\n"
    )
    assert counts(project.update(), "t") == {}
    assert project.snapshot()["public.t"] == before


def test_a_change_of_case_in_citext_arrives(project: Project) -> None:
    project.sql("CREATE EXTENSION citext")
    project.sql("CREATE TABLE t (code text PRIMARY KEY, name citext)")
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a, name: alpha}\n")
    project.init()
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a, name: Alpha}\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT name::text FROM t") == [("Alpha",)]
    project.assert_settled()


# -- rows that give different columns ------------------------------------------------------


def test_rows_may_leave_columns_to_their_defaults(project: Project) -> None:
    project.sql(
        "CREATE TABLE t (code text PRIMARY KEY, n int DEFAULT 5, made timestamptz DEFAULT now(),"
        " u uuid DEFAULT gen_random_uuid(), s serial)"
    )
    rows = ["{code: a}", "{code: b, n: 7}", "{code: c, u: 9f1c5a34-9a6e-4b7e-8d47-6c2a7f6c3a11}"]
    rows += ["{code: d, made: 2020-01-01T00:00:00Z, s: 50}"]

    def write() -> None:
        listed = "".join(f"  - {row}\n" for row in rows)
        project.write("t", f"table: t\nkey: code\nrows:\n{listed}")

    write()
    project.init()
    assert project.rows("SELECT code, n, s FROM t ORDER BY code") == [
        ("a", 5, 1),
        ("b", 7, 2),
        ("c", 5, 3),
        ("d", 5, 50),
    ]
    assert project.value("SELECT count(DISTINCT u) FROM t") == 4
    assert project.value("SELECT nextval('t_s_seq')") == 51
    project.assert_settled()
    rows[0] = "{code: a, n: 6, u: 11111111-9a6e-4b7e-8d47-6c2a7f6c3a11}"
    rows[1] = "{code: b}"
    write()
    result = project.update()
    assert counts(result, "t") == {"update": 2, "conflicts": 1}
    assert project.rows("SELECT code, n FROM t ORDER BY code LIMIT 2") == [("a", 6), ("b", 5)]
    project.assert_settled()


def test_a_row_that_gives_a_column_later_merges_from_its_constant_default(
    project: Project,
) -> None:
    project.sql("CREATE TABLE t (code text PRIMARY KEY, n int DEFAULT 5)")
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a}\n  - {code: b, n: 7}\n")
    project.init()
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a, n: 6}\n  - {code: b, n: 7}\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT * FROM t ORDER BY 1") == [("a", 6), ("b", 7)]


def test_the_survey_shows_asked_stored_live_and_desired(launched: Project) -> None:
    launched.sql("UPDATE tiers SET name = 'Mine'")
    seed(launched, "{code: a, name: Beta, lim: 2}", "{code: new, name: New, lim: 3}")
    launched.survey()
    row = launched.row_plan("tiers/a")
    assert row.action is RowAction.UPDATE
    shown = [(c.name, c.case.value, c.asked, c.stored, c.live, c.desired) for c in row.columns]
    assert shown == [
        ("name", "conflict", "Alpha", "Alpha", "Mine", "Beta"),
        ("lim", "update", "1", "1", "1", "2"),
    ]
    new = launched.row_plan("tiers/new")
    assert new.action is RowAction.INSERT
    assert [(c.name, c.desired) for c in new.columns] == [
        ("code", "new"),
        ("name", "New"),
        ("lim", "3"),
    ]


def test_a_table_of_hundreds_of_columns_is_updated_and_settled(project: Project) -> None:
    names = [f"c{n}" for n in range(409)]
    project.sql(
        f"CREATE TABLE tiers (code text PRIMARY KEY, {', '.join(f'{n} text' for n in names)})"
    )
    seed(project, "{code: a, " + ", ".join(f"{name}: x{name}" for name in names) + "}")
    project.init()
    project.sql("UPDATE tiers SET c7 = 'mine'")
    seed(project, "{code: a, " + ", ".join(f"{name}: y{name}" for name in names) + "}")
    result = project.update()
    assert counts(result, "tiers") == {"update": 1, "conflicts": 1}
    assert live(project, "c6, c7, c408") == [("yc6", "mine", "yc408")]
    assert project.command("resolve", "tiers/a", "--take", "desired") == 0
    assert live(project, "c7") == [("yc7",)]


def test_a_plan_holds_the_start_of_a_long_value_and_what_tells_it_apart(
    launched: Project,
) -> None:
    long = "ä" * 1_000_000
    launched.sql("UPDATE tiers SET name = %s", long + "1")
    seed(launched, f"{{code: a, name: {long}2, lim: 1}}")
    launched.survey()
    (column,) = launched.row_plan("tiers/a").columns
    assert (column.asked, column.case) == ("Alpha", ColumnCase.CONFLICT)
    for value, end in ((column.live, "1"), (column.desired, "2")):
        digest = hashlib.sha256((long + end).encode()).hexdigest()[:16]
        assert value == f"{long[:4000]}... (1000001 characters, SHA-256 {digest})"
