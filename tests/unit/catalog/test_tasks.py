from __future__ import annotations

import time

import pytest

from seeder.catalog.formats.files import Unreadable
from seeder.catalog.formats.sql_text import tokens
from seeder.merge.model import TaskKind

TASK = 'from seeder import task\n@task(release="2026.11")\ndef assign(connection):\n'


def task_of(project, text, file="seeds/update/steps.py"):
    (task,) = project.write({file: text}).load().tasks
    return task


def test_an_sql_file_is_a_task_of_the_release_in_its_name(project):
    sql = "UPDATE t SET a = 1;\n"
    found = task_of(project, sql, "seeds/update/2026.11_fill_in.sql")
    assert (found.name, found.release, found.kind) == (
        "2026.11_fill_in",
        "2026.11",
        TaskKind.SQL,
    )
    assert (found.sql, found.file) == (sql, "seeds/update/2026.11_fill_in.sql")


def test_a_python_task_is_called_with_the_connection_and_finds_the_project(project):
    project.write({"lib.py": "V = 7"})
    found = task_of(project, TASK + "    from lib import V\n    return connection, V\n")
    assert (found.name, found.release, found.kind) == ("assign", "2026.11", TaskKind.PYTHON)
    assert found.call("connection") == ("connection", 7)


def test_a_task_may_have_a_name_and_environments(project):
    text = TASK.replace('11")', "11\", name='fill', environments=['staging'])") + "    pass\n"
    project.write({"seeds/update/steps.py": text})
    assert project.load("production").tasks == ()
    (found,) = project.load("staging").tasks
    assert (found.name, found.environments) == ("fill", {"staging"})


def test_tasks_come_in_the_order_of_files_and_of_their_lines(project):
    project.write(
        {
            "seeds/update/1_b.sql": "select 1",
            "seeds/update/2.py": TASK
            + "    pass\n"
            + TASK.replace("assign", "again")
            + "    pass\n",
            "seeds/update/sub/0_a.sql": "select 1",
        }
    )
    assert [each.name for each in project.load().tasks] == ["1_b", "assign", "again", "0_a"]


@pytest.mark.parametrize(
    "sql",
    [
        "update t set a = 'x  y' where b > 1",
        "-- why\nUPDATE t\n  SET a = 'x  y' /* and /* nested */ how */ WHERE b>1;\n",
        "UPDATE t SET a='x  y'WHERE b > 1 ;;",
    ],
)
def test_comments_case_and_blanks_leave_the_digest_of_sql(project, sql):
    plain = task_of(project, "UPDATE t SET a = 'x  y' WHERE b > 1", "seeds/update/1_a.sql").digest
    assert task_of(project, sql, "seeds/update/1_a.sql").digest == plain


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t SET a = 'x y' WHERE b > 1",
        "UPDATE t SET a = 'X  Y' WHERE b > 1",
        "UPDATE \"T\" SET a = 'x  y' WHERE b > 1",
        "UPDATE t SET a = 'x  y' WHERE b > = 1",
        "UPDATE t SET a = $$x  y$$ WHERE b > 1",
    ],
)
def test_any_other_edit_changes_the_digest_of_sql(project, sql):
    plain = task_of(project, "UPDATE t SET a = 'x  y' WHERE b > 1", "seeds/update/1_a.sql").digest
    assert task_of(project, sql, "seeds/update/1_a.sql").digest != plain


BODY = '    connection.execute("UPDATE t", {"a": [1, None, True]})\n'


@pytest.mark.parametrize(
    "text",
    [
        TASK + '    """Why."""\n' + BODY,
        "# a comment\n\n" + TASK + "    # another\n" + BODY.replace("1, ", "1,\n        "),
        TASK.replace("assign", "renamed").replace('11")', "11\", name='assign')") + BODY,
        TASK + BODY + "\ndef unrelated():\n    return 1\n",
    ],
)
def test_comments_formatting_and_docstring_leave_the_digest_of_python(project, text):
    plain = task_of(project, TASK + BODY).digest
    assert task_of(project, text).digest == plain


@pytest.mark.parametrize(
    "text",
    [
        TASK + BODY.replace("UPDATE t", "UPDATE u"),
        TASK + BODY.replace("True", "1"),
        TASK.replace("connection)", "connection, x=1)") + BODY,
        TASK + BODY + BODY,
    ],
)
def test_any_other_edit_changes_the_digest_of_python(project, text):
    plain = task_of(project, TASK + BODY).digest
    assert task_of(project, text).digest != plain


def test_the_digest_is_the_same_in_every_version_of_python(project):
    digest = task_of(project, TASK + '    return f"{connection!r:>{7}}", lambda x: -x\n').digest
    assert digest == "e4688c6fa30df44a95fa84bf5b2e48f1ca6b187c38ab110714b61ad620ace916"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("backfill.sql", "select 1", "backfill.sql: the file name does not start with a release."),
        ("fill_in.sql", "select 1", "fill_in.sql: the file name does not start with a release."),
        ("1_a.sql", "-- nothing\n;", "1_a.sql: holds no statement."),
        ("1_a.sql", "select 1;\n COMMIT;", "1_a.sql:2:2: `COMMIT` controls the transaction."),
        ("1_a.sql", "begin; select 1", "1_a.sql:1:1: `BEGIN` controls the transaction."),
        ("1_a.sql", "\\i other.sql", "1_a.sql:1:1: psql's own commands do not work here."),
        ("1_a.sql", "select 'a", "1_a.sql:1:8: the quote has no end."),
        ("1_a.sql", "select $x$ a $y$", "1_a.sql:1:8: the quote $x$ has no end."),
        ("1_a.sql", "select 1 /* /* */", "1_a.sql:1:10: the comment has no end."),
        ("1_a.sql", b"\xff\xfe", "1_a.sql:1:1: starts with a byte order mark."),
        ("t.py", "x = 1\n", "t.py: declares no task."),
        ("t.py", TASK.replace('11")', '11", environments=[])'), "t.py:2: `environments` of task"),
        ("t.py", TASK.replace('"2026.11"', "2026.11"), "t.py:2: the release of task `assign` must"),
        (
            "t.py",
            'from seeder import rows\n@rows(table="t", key="k")\ndef f(c): ...\n',
            "t.py:2: the rows `f` do not belong into `update`.",
        ),
    ],
)
def test_what_is_wrong_with_a_task_is_named(project, name, text, problem):
    if isinstance(text, str) and text.endswith(":\n"):
        text += "    pass\n"
    found = project.write({f"seeds/update/{name}": text}).problem()
    assert found.startswith("seeds/update/" + problem), found


def test_two_tasks_cannot_have_the_same_name(project):
    project.write(
        {
            "seeds/update/a.py": TASK + "    pass\n",
            "seeds/update/b.py": TASK + "    pass\n",
        }
    )
    assert project.problem().startswith(
        "seeds/update/b.py: the task name `assign` is taken by seeds/update/a.py."
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", ["select", "1"]),
        ("SELECT 'a''b'", ["select", "'a''b'"]),
        (r"select E'a\'b'", ["select", r"E'a\'b'"]),
        (r"select 'a\', x", ["select", r"'a\'", ",", "x"]),
        ('select "A""b"', ["select", '"A""b"']),
        ("a-- x\n-b", ["a", "-", "b"]),
        ("a-/* */-b", ["a", "-", "-", "b"]),
        ("x::int", ["x", "::", "int"]),
        ("do $$begin; end$$", ["do", "$$begin; end$$"]),
        ("$a$ $b$ $a$", ["$a$ $b$ $a$"]),
        ("a$b$c", ["a$b$c"]),
        ("$1 + 1.5e3", ["$1", "+", "1.5e3"]),
        ("U&'\\0041'", ["U&'\\0041'"]),
        ("arr[1:2]", ["arr", "[", "1", ":", "2", "]"]),
        ("größe", ["größe"]),
        ("select case when a then b end", ["select", "case", "when", "a", "then", "b", "end"]),
    ],
)
def test_sql_is_split_into_tokens(sql, expected):
    assert tokens(sql) == expected


@pytest.mark.parametrize("sql", ["'" + "a" * 500_000, "/*" * 300_000, "$a$" + "$b$" * 200_000])
def test_an_unfinished_script_fails_fast(sql):
    began = time.perf_counter()
    with pytest.raises(Unreadable):
        tokens(sql)
    assert time.perf_counter() - began < 3
