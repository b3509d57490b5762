"""Tasks: once per database, in update mode, in the seeding transaction with their record."""

from __future__ import annotations

from pathlib import Path

import pytest

from seeder.errors import ConfigurationInvalid, SeedingFailed
from seeder.merge.model import Mode
from seeder.merge.result import RunResult
from tests.support.merge import Project

PYTHON = """
from sqlalchemy import text
from seeder import task

@task(release="2")
def count_orgs(connection):
    connection.execute(text("INSERT INTO journal (entry) SELECT 'python ' || count(*) FROM orgs"))
"""
SQL = "INSERT INTO journal (entry) SELECT 'sql ' || count(*) FROM orgs;\n"


def write(project: Project, name: str, text: str) -> Path:
    return project.write(f"../update/{name}", text)


def orgs(project: Project, *codes: str) -> None:
    listed = "".join(f"  - {{code: {code}}}\n" for code in codes)
    project.write("orgs", f"table: orgs\nkey: code\nrows:\n{listed}")


def journal(project: Project) -> list[str]:
    return [entry for (entry,) in project.rows("SELECT entry FROM journal ORDER BY n")]


def recorded(project: Project) -> list[tuple[str, str]]:
    return project.rows("SELECT name, state FROM seeder.tasks ORDER BY 1")


@pytest.fixture
def launched(project: Project) -> Project:
    """A database with one row, launched with release 1 and without tasks."""
    project.sql(
        "CREATE TABLE orgs (id serial PRIMARY KEY, code text UNIQUE);"
        "CREATE TABLE journal (n serial, entry text)"
    )
    orgs(project, "a")
    project.configure(release="1")
    project.run()
    return project


def test_tasks_run_once_in_the_update_that_a_release_triggers_and_after_its_rows(
    launched: Project,
) -> None:
    write(launched, "1_sql.sql", SQL)
    write(launched, "2_python.py", PYTHON)
    orgs(launched, "a", "b")
    launched.run()
    assert journal(launched) == [], "an ordinary deploy runs no task"
    assert recorded(launched) == []
    launched.configure(release="2")
    result = launched.run()
    assert result.tasks == ("1_sql", "count_orgs")
    assert journal(launched) == ["sql 2", "python 2"]
    assert recorded(launched) == [("1_sql", "applied"), ("count_orgs", "applied")]
    assert launched.run(Mode.UPDATE).tasks == ()
    launched.configure(release="3")
    assert launched.run().tasks == ()
    assert journal(launched) == ["sql 2", "python 2"]


def test_an_update_by_hand_runs_what_has_not_run(launched: Project) -> None:
    write(launched, "1_sql.sql", SQL)
    assert launched.update().tasks == ("1_sql",)
    assert journal(launched) == ["sql 1"]


def test_the_first_launch_records_the_tasks_of_its_time_without_running_them(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE orgs (id serial PRIMARY KEY, code text UNIQUE);"
        "CREATE TABLE journal (n serial, entry text)"
    )
    orgs(project, "a")
    write(project, "1_sql.sql", SQL)
    project.configure(release="1")
    assert project.run().tasks == ()
    assert recorded(project) == [("1_sql", "baseline")]
    write(project, "1_sql.sql", SQL + "-- and on\nSELECT 1;\n")
    write(project, "2_sql.sql", SQL.replace("sql", "second"))
    project.configure(release="2")
    assert project.run().tasks == ("2_sql",)
    assert journal(project) == ["second 1"]
    assert recorded(project) == [("1_sql", "baseline"), ("2_sql", "applied")]


@pytest.mark.parametrize(
    ("file", "text"), [("1_bad.sql", "SELECT 1/0;"), ("1_bad.py", PYTHON + "    1/0\n")]
)
def test_a_task_that_fails_takes_the_rows_and_the_records_with_it(
    launched: Project, file: str, text: str
) -> None:
    write(launched, "0_sql.sql", SQL)
    write(launched, file, text)
    orgs(launched, "a", "b")
    launched.configure(release="2")
    launched.surveyed = False
    before = launched.snapshot()
    with pytest.raises((SeedingFailed, ZeroDivisionError)):
        launched.run()
    # A sequence that a task has drawn from goes on: it knows no transactions.
    after = launched.snapshot()
    assert {n: rows for n, rows in after.items() if not n.endswith("_seq")} == {
        n: rows for n, rows in before.items() if not n.endswith("_seq")
    }
    assert recorded(launched) == []
    assert launched.rows("SELECT release FROM seeder.releases") == [("1",)]
    write(launched, file, text.replace("1/0", "1"))
    assert len(launched.run().tasks) == 2
    assert journal(launched)[0] == "sql 2"


def test_an_applied_task_that_was_edited_fails_the_next_update_and_no_ordinary_deploy(
    launched: Project,
) -> None:
    write(launched, "1_sql.sql", SQL)
    write(launched, "2_python.py", PYTHON)
    launched.update()
    write(launched, "1_sql.sql", SQL + "SELECT 2;\n")
    write(launched, "2_python.py", PYTHON.replace("python", "PYTHON"))
    orgs(launched, "a", "b")
    ordinary: RunResult = launched.run()
    assert ordinary.exit_code == 0
    for mode in (Mode.UPDATE, Mode.AUTO):
        launched.surveyed = False
        launched.configure(release="2")
        with pytest.raises(SeedingFailed, match=r"edited since: 1_sql, count_orgs") as caught:
            launched.run(mode)
        assert caught.value.exit_code == 18
    assert launched.rows("SELECT code FROM orgs") == [("a",)]
    assert journal(launched) == ["sql 1", "python 1"]
    write(
        launched, "1_sql.sql", "-- The same step.\n" + SQL.replace("INSERT INTO", "INSERT   INTO")
    )
    write(launched, "2_python.py", "# The same step.\n" + PYTHON.replace("'python '", "'python '"))
    assert launched.run().tasks == ()
    assert launched.rows("SELECT code FROM orgs ORDER BY 1") == [("a",), ("b",)]


def test_a_task_that_leaves_the_catalog_is_forgotten_by_nobody(launched: Project) -> None:
    file = write(launched, "1_sql.sql", SQL)
    launched.update()
    file.unlink()
    assert launched.update().tasks == ()
    write(launched, "1_sql.sql", SQL)
    assert launched.update().tasks == ()
    assert journal(launched) == ["sql 1"]


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK", "BEGIN; COMMIT"])
def test_a_task_cannot_end_the_seeding_transaction(launched: Project, statement: str) -> None:
    write(launched, "1_sql.sql", f"{SQL}{statement};\n")
    orgs(launched, "a", "b")
    launched.surveyed = False
    with pytest.raises((SeedingFailed, ConfigurationInvalid)):
        launched.update()
    assert recorded(launched) == []
    assert launched.rows("SELECT code FROM orgs") == [("a",)]


def test_a_task_of_another_environment_does_not_run(launched: Project) -> None:
    write(
        launched,
        "1_bad.py",
        PYTHON.replace('release="2"', 'release="2", environments=["staging"]'),
    )
    assert launched.update().tasks == ()
    assert recorded(launched) == []
