"""Where nothing changes nothing is written: row by row, also in a run that writes others."""

from __future__ import annotations

import pytest

from seeder.merge.model import Mode
from seeder.merge.plan import SetDecision
from tests.support.merge import Project, counts, outcome

TABLE = """
    CREATE TABLE t (
        id serial PRIMARY KEY, code text NOT NULL UNIQUE, val text,
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), writes int NOT NULL DEFAULT 0
    );
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.updated_at := clock_timestamp(); NEW.writes := OLD.writes + 1; RETURN NEW; END $$;
    CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
"""


def seed(project: Project, *rows: str, head: str = "") -> None:
    listed = "".join(f"  - {row}\n" for row in rows)
    project.write("t", f"table: t\nkey: code\n{head}rows:\n{listed}")


def versions(project: Project, *codes: str) -> list[tuple[object, ...]]:
    return project.rows(
        "SELECT xmin::text, ctid::text, t::text FROM t WHERE code = ANY (%s) ORDER BY code",
        list(codes),
    )


@pytest.mark.parametrize("head", ["", "removed: delete\n", "conflict: overwrite\n"])
def test_an_update_of_one_row_leaves_every_other_version_where_it_is(
    project: Project, head: str
) -> None:
    project.sql(TABLE)
    seed(
        project,
        "{code: a, val: A}",
        "{code: edited, val: E}",
        "{code: equal, val: F}",
        "{code: same, val: G}",
        head=head,
    )
    project.init()
    project.sql("UPDATE t SET val = 'Mine' WHERE code = 'edited'")
    project.sql("UPDATE t SET val = 'F2' WHERE code = 'equal'")
    before = versions(project, "edited", "equal", "same")
    sequence = project.value("SELECT last_value FROM t_id_seq")
    seed(
        project,
        "{code: a, val: A2}",
        "{code: edited, val: E}",
        "{code: equal, val: F2}",
        "{code: same, val: G}",
        head=head,
    )
    assert counts(project.update(), "t") == {"update": 1, "record": 1}
    assert versions(project, "edited", "equal", "same") == before
    assert project.rows("SELECT val, writes FROM t WHERE code = 'a'") == [("A2", 1)]
    assert project.value("SELECT last_value FROM t_id_seq") == sequence
    project.assert_settled()


def test_rows_that_are_skipped_conflict_or_stay_deleted_burn_no_sequence_value(
    project: Project,
) -> None:
    project.sql(TABLE + "; ALTER TABLE t ADD parent_id int REFERENCES t")
    head = "columns: {parent_id: {ref: t}}\n"
    rows = ["{code: a, val: A, parent_id: null}", "{code: b, val: B}", "{code: c, val: C}"]
    seed(project, *rows, head=head)
    project.init()
    project.sql("DELETE FROM t WHERE code = 'b'; UPDATE t SET val = 'Mine' WHERE code = 'a'")
    before = versions(project, "a", "c")
    seed(
        project,
        "{code: a, val: A2}",
        "{code: b, val: B2}",
        "{code: c, val: C}",
        "{code: d, val: D, parent_id: b}",
        head=head,
    )
    assert counts(project.update(), "t") == {"keep": 1, "record": 1, "skip": 1, "conflicts": 1}
    assert versions(project, "a", "c") == before
    assert project.value("SELECT last_value FROM t_id_seq") == 3
    project.sql("INSERT INTO t (code) VALUES ('mine')")
    assert project.value("SELECT id FROM t WHERE code = 'mine'") == 4


def test_one_insert_draws_one_value(project: Project) -> None:
    project.sql(TABLE)
    seed(project, "{code: a, val: A}", "{code: b, val: B}")
    project.init()
    seed(project, "{code: a, val: A}", "{code: b, val: B}", "{code: c, val: C}")
    assert counts(project.update(), "t") == {"insert": 1}
    assert project.rows("SELECT id FROM t WHERE code = 'c'") == [(3,)]
    assert project.value("SELECT last_value FROM t_id_seq") == 3


@pytest.mark.parametrize("mode", [Mode.REFRESH, Mode.UPDATE, Mode.AUTO])
def test_a_disposable_database_that_is_as_desired_is_not_written(
    project: Project, mode: Mode
) -> None:
    project.environment = "dev"
    project.sql(TABLE)
    seed(project, "{code: a, val: A}", head="columns: {val: {update: always}}\n")
    project.run()
    project.assert_settled(mode=mode)
    project.sql("UPDATE t SET val = 'Mine'")
    project.run(mode)
    assert project.value("SELECT val FROM t") == "A"


def test_first_contact_is_judged_table_by_table(project: Project) -> None:
    project.sql("CREATE TABLE full_ (code text PRIMARY KEY, val text)")
    project.sql("CREATE TABLE empty_ (code text PRIMARY KEY, val text)")
    project.sql("INSERT INTO full_ VALUES ('theirs', 'T'), ('a', 'Mine')")
    for table in ("full_", "empty_"):
        project.write(table, f"table: {table}\nkey: code\nrows: [{{code: a, val: A}}]\n")
    project.configure(release="1")
    result = project.run()
    assert outcome(result, "full_").decision is SetDecision.UNADOPTED
    assert counts(result, "empty_") == {"insert": 1}
    assert project.value("SELECT count(*) FROM seeder.releases") == 0
    project.sql("CREATE TABLE later (code text PRIMARY KEY, val text)")
    project.write("later", "table: later\nkey: code\nrows: [{code: a, val: A}]\n")
    result = project.run()
    assert outcome(result, "full_").decision is SetDecision.UNADOPTED
    assert counts(result, "later") == {"insert": 1}
    result = project.update()
    assert counts(result, "full_") == {"adopt": 1, "conflicts": 1}
    assert project.rows("SELECT * FROM full_ ORDER BY 1") == [("a", "Mine"), ("theirs", "T")]
    assert project.rows("SELECT release FROM seeder.releases") == [("1",)]
    project.assert_settled()
