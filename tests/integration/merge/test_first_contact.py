"""First contact and modes: what a run may do with a set at all."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.model import Mode
from seeder.merge.plan import SetDecision
from seeder.merge.result import Result
from tests.support.merge import Project, counts, outcome
from tests.support.revisions import Scripts

ROLES = "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)"


def seed_roles(project: Project, *codes: str, name: str = "First") -> None:
    rows = "".join(f"  - {{code: {code}, name: {name}}}\n" for code in codes)
    project.write("roles", f"table: roles\nkey: code\nrows:\n{rows}")


def decision(project: Project, mode: Mode = Mode.AUTO) -> SetDecision:
    return outcome(project.run(mode), "roles").decision


def test_an_empty_table_gets_all_rows_in_file_order(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "owner", "viewer")
    assert counts(project.run(), "roles") == {"insert": 2}
    assert project.rows("SELECT id, code FROM roles ORDER BY id") == [(1, "owner"), (2, "viewer")]
    project.assert_settled()


def test_a_table_with_rows_is_left_alone_until_somebody_updates(project: Project) -> None:
    project.sql(ROLES)
    project.sql("INSERT INTO roles (code) VALUES ('theirs')")
    seed_roles(project, "owner")
    project.configure(release="1")
    for mode in (Mode.AUTO, Mode.INIT):
        result = project.run(mode)
        assert outcome(result, "roles").decision is SetDecision.UNADOPTED
        assert result.counts["unadopted"] == 1
    assert project.value("SELECT count(*) FROM roles") == 1
    assert project.value("SELECT count(*) FROM seeder.releases") == 0
    project.update()
    assert project.value("SELECT count(*) FROM roles") == 2
    assert project.rows("SELECT release FROM seeder.releases") == [("1",)]


def test_a_release_updates_once(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "a")
    project.configure(release="1")
    project.run()
    seed_roles(project, "a", name="Two")
    project.configure(release="2")
    assert counts(project.run(), "roles") == {"update": 1}
    project.sql("UPDATE roles SET name = 'Mine'")
    project.configure(release="1")
    seed_roles(project, "a", name="One")
    assert decision(project) is SetDecision.PENDING
    project.configure(release="2")
    seed_roles(project, "a", name="Three")
    assert decision(project) is SetDecision.PENDING
    assert project.rows("SELECT name FROM roles") == [("Mine",)]


def test_without_a_release_an_ordinary_deploy_never_updates(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "a")
    project.run()
    seed_roles(project, "a", "b", name="New")
    assert decision(project) is SetDecision.PENDING
    assert project.rows("SELECT code, name FROM roles") == [("a", "First")]


def test_a_disposable_database_updates_on_every_run(project: Project) -> None:
    project.environment = "dev"
    project.sql(ROLES)
    seed_roles(project, "a")
    project.run()
    seed_roles(project, "a", "b", name="New")
    assert counts(project.run(), "roles") == {"update": 1, "insert": 1}


def test_refresh_is_refused_on_a_protected_database(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "a")
    project.surveyed = False
    with pytest.raises(ConfigurationInvalid):
        project.run(Mode.REFRESH)


def test_mode_none_seeds_nothing(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "a")
    project.surveyed = False
    result = project.run(Mode.NONE)
    assert result.sets == ()
    assert project.rows("SELECT * FROM roles") == []


def test_an_equal_deploy_finds_nothing_to_do(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "a")
    project.run()
    before = project.snapshot()
    result = project.run()
    assert (result.result, result.run_id) == (Result.NOTHING_TO_DO, None)
    assert decision(project, Mode.INIT) is SetDecision.UNCHANGED
    assert project.snapshot() == before


def test_a_later_set_for_a_new_table_is_inserted_by_an_ordinary_deploy(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "a")
    project.configure(release="1")
    project.run()
    project.sql("CREATE TABLE perms (code text PRIMARY KEY)")
    project.write("perms", "table: perms\nkey: code\nrows: [{code: view}]\n")
    assert counts(project.run(), "perms") == {"insert": 1}


def test_a_table_that_was_emptied_by_people_is_not_filled_again(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "a", "b")
    project.run()
    project.sql("DELETE FROM roles")
    project.run(Mode.INIT)
    project.update()
    assert project.rows("SELECT * FROM roles") == []


def test_a_set_without_rows_is_seeded_as_such(project: Project) -> None:
    project.sql(ROLES)
    project.write("roles", "table: roles\nkey: code\nrows: []\n")
    project.run()
    project.update()
    project.assert_settled()
    seed_roles(project, "a")
    assert counts(project.update(), "roles") == {"insert": 1}


def test_a_table_that_this_launchs_migrations_filled_is_adopted(
    project: Project, scripts: Scripts
) -> None:
    project.directory = scripts.project
    project.configure(migrations='alembic = "migrations"')
    scripts.add(
        "r1",
        "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)",
        "INSERT INTO roles (code, name) VALUES ('a', 'First'), ('b', 'Other')",
    )
    seed_roles(project, "a", "b", "c")
    result = project.run()
    assert outcome(result, "roles").decision is SetDecision.ADOPT
    assert counts(result, "roles") == {"adopt": 2, "insert": 1, "conflicts": 1}
    project.assert_settled()


def test_no_image_is_taken_of_what_does_not_change(project: Project) -> None:
    project.sql(ROLES)
    seed_roles(project, "a", "b")
    project.run()
    project.update()
    assert project.rows("SELECT * FROM seeder.changes") == []


@pytest.mark.parametrize("size", [20, 20_000])
def test_the_number_of_statements_does_not_grow_with_the_rows(project: Project, size: int) -> None:
    project.surveyed = False
    project.sql(ROLES)
    project.sql(
        "CREATE TABLE grants (id serial PRIMARY KEY, role_id int NOT NULL REFERENCES roles,"
        " code text NOT NULL UNIQUE, name text)"
    )
    seed_roles(project, "a", "b")

    def write(name: str, first: int) -> None:
        lines = (
            f'{{"code": "c{n}", "name": "{name}", "role_id": "{"ab"[n % 2]}"}}'
            for n in range(first, first + size)
        )
        project.write(
            "grants.json",
            '{"table": "grants", "key": "code", "removed": "delete",'
            f' "columns": {{"role_id": {{"ref": "roles"}}}}, "rows": [{", ".join(lines)}]}}',
        )

    statements: list[int] = []
    write("one", 0)
    statements.append(_statements(project, Mode.INIT))
    project.sql("UPDATE grants SET name = 'mine' WHERE id % 10 = 0")
    write("two", size // 10)
    statements.append(_statements(project, Mode.UPDATE))
    tenth = size // 10
    assert project.value("SELECT count(*) FROM grants WHERE name = 'two'") >= size - 2 * tenth
    assert project.value("SELECT count(*) FROM grants WHERE name = 'mine'") == tenth
    assert max(statements) < 200, statements


def _statements(project: Project, mode: Mode) -> int:
    """Run, and count the statements that the run sent."""
    import psycopg

    sent = 0
    real = psycopg.Cursor.execute

    def counted(self: psycopg.Cursor, *args: object, **rest: object) -> object:  # type: ignore[type-arg]
        nonlocal sent
        sent += 1
        return real(self, *args, **rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", counted)
        project.run(mode)
    return sent
