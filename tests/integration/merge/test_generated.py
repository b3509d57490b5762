"""`!now` and `!uuid`: made by the server when a row is inserted, and never touched again."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime

import pytest

from seeder.errors import ConfigurationInvalid, SeedingFailed
from tests.support.merge import Project, counts

ACCOUNTS = """
    CREATE TABLE accounts (
        id uuid PRIMARY KEY, email text NOT NULL UNIQUE, name text, token varchar(40) NOT NULL,
        created_at timestamptz NOT NULL, day date, deleted_at timestamptz
    )
"""
HEAD = """
table: accounts
key: email
defaults: {id: !uuid, token: !uuid, created_at: !now, day: !now}
"""


def test_every_inserted_row_gets_values_of_its_own_and_no_update_touches_them(
    project: Project,
) -> None:
    project.sql(ACCOUNTS)
    project.write("accounts", HEAD + "rows: [{email: a, name: A}, {email: b, name: B}]\n")
    before = project.value("SELECT clock_timestamp()")
    assert counts(project.init(), "accounts") == {"insert": 2}
    first = project.rows("SELECT email, id, token, created_at, day FROM accounts ORDER BY email")
    assert len({row[1] for row in first} | {uuid.UUID(row[2]) for row in first}) == 4
    assert all(isinstance(row[3], datetime) and row[3] >= before for row in first)
    assert all(row[4] == row[3].astimezone(before.tzinfo).date() for row in first)
    versions = project.rows("SELECT xmin::text, ctid::text FROM accounts ORDER BY email")
    project.init()
    project.update()
    assert project.rows("SELECT xmin::text, ctid::text FROM accounts ORDER BY email") == versions
    project.write("accounts", HEAD + "rows: [{email: a, name: A2}, {email: c, name: C}]\n")
    assert counts(project.update(), "accounts")["update"] == 1
    again = project.rows("SELECT email, id, token, created_at, day FROM accounts ORDER BY email")
    assert again[:2] == first
    assert again[2][0] == "c"


def test_a_row_that_gives_the_column_keeps_its_own_value(project: Project) -> None:
    project.sql("CREATE TABLE t (k text PRIMARY KEY, at timestamptz)")
    project.write(
        "t",
        "table: t\nkey: k\ndefaults: {at: !now}\n"
        "rows: [{k: a}, {k: b, at: 2020-01-01}, {k: c, at: null}, {k: d, at: !now}]\n",
    )
    project.init()
    assert project.rows("SELECT k, at > '2025-01-01' FROM t ORDER BY k") == [
        ("a", True),
        ("b", False),
        ("c", None),
        ("d", True),
    ]


def test_a_person_may_change_what_was_made(project: Project) -> None:
    project.sql("CREATE TABLE t (k text PRIMARY KEY, at timestamptz, name text)")
    project.write("t", "table: t\nkey: k\nrows: [{k: a, at: !now, name: A}]\n")
    project.init()
    project.sql("UPDATE t SET at = '2001-02-03 00:00+00'")
    project.write("t", "table: t\nkey: k\nrows: [{k: a, at: !now, name: B}]\n")
    assert counts(project.update(), "t") == {"update": 1}
    assert project.rows("SELECT at::date::text, name FROM t") == [("2001-02-03", "B")]


def test_rows_of_a_csv_file_take_generated_defaults(project: Project) -> None:
    project.sql(ACCOUNTS)
    project.write("people.csv", "email,name\na,A\nb,B\n")
    project.write("accounts", HEAD + "rows_from: people.csv\n")
    assert counts(project.init(), "accounts") == {"insert": 2}
    assert project.value("SELECT count(DISTINCT id) FROM accounts") == 2
    project.write("people.csv", "email,name\na,A\nb,B2\nc,C\n")
    project.update()
    assert project.value("SELECT count(DISTINCT id) FROM accounts") == 3


def test_other_rows_refer_to_a_generated_primary_key(project: Project) -> None:
    project.sql(
        ACCOUNTS + "; CREATE TABLE posts (slug text PRIMARY KEY, author uuid REFERENCES accounts)"
    )
    project.write("accounts", HEAD + "rows: [{email: a}, {email: b}]\n")
    project.write(
        "posts",
        "table: posts\nkey: slug\ncolumns: {author: {ref: accounts}}\n"
        "rows: [{slug: one, author: a}, {slug: two, author: b}]\n",
    )
    project.init()
    query = "SELECT slug, email FROM posts JOIN accounts ON id = author ORDER BY 1"
    assert project.rows(query) == [("one", "a"), ("two", "b")]


def test_a_removed_row_is_marked_with_the_time_of_its_removal(project: Project) -> None:
    project.sql(ACCOUNTS)
    head = HEAD + "removed: {set: {deleted_at: !now}}\ndeleted: deleted_at\n"
    project.write("accounts", head + "rows: [{email: a}, {email: b}]\n")
    project.init()
    project.write("accounts", head + "rows: [{email: a}]\n")
    before = project.value("SELECT clock_timestamp()")
    project.surveyed = False  # its clock is another transaction's
    project.update()
    ((a, b),) = project.rows(
        "SELECT max(deleted_at) FILTER (WHERE email = 'a'),"
        " max(deleted_at) FILTER (WHERE email = 'b') FROM accounts"
    )
    assert a is None
    assert b >= before
    project.update()
    assert project.value("SELECT max(deleted_at) FROM accounts") == b
    project.write("accounts", head + "rows: [{email: a}, {email: b}]\n")
    project.update()
    assert project.value("SELECT count(deleted_at) FROM accounts") == 0


def test_a_column_that_cannot_hold_what_is_made_is_named(project: Project) -> None:
    project.sql("CREATE TABLE t (k text PRIMARY KEY, n integer, at boolean)")
    project.write("t", "table: t\nkey: k\ndefaults: {n: !uuid, at: !now}\nrows: [{k: a}]\n")
    project.surveyed = False
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    assert [(p.message, p.line) for p in caught.value.problems] == [
        ("Set t: the column at of public.t is of type boolean, which cannot hold !now.", 3),
        ("Set t: the column n of public.t is of type integer, which cannot hold !uuid.", 3),
    ]


SECURITY = """
import hashlib
import os

def hash_password(password):
    with open(os.environ["CALLS"], "a") as calls:
        calls.write("x")
    salt = os.urandom(4).hex()
    return (salt + hashlib.sha256((salt + password).encode()).hexdigest()).encode()

def fail(password):
    raise ValueError(password)
"""
USERS = """
table: users
key: email
columns: {password_hash: {from: "app.security:hash_password"}}
rows:
  - {email: root@example.test, password_hash: !env PASSWORD, name: Root}
  - {email: second@example.test, password_hash: other-secret, name: Second}
  - {email: nobody@example.test, password_hash: null, name: Nobody}
"""


def with_application(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.sql(
        "CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE, password_hash text,"
        " name text)"
    )
    (project.directory / "app").mkdir()
    (project.directory / "app/__init__.py").touch()
    (project.directory / "app/security.py").write_text(SECURITY)
    monkeypatch.setenv("CALLS", str(project.directory / "calls"))
    (project.directory / "calls").touch()
    project.environ["PASSWORD"] = "hunter2"


def calls(project: Project) -> int:
    return len((project.directory / "calls").read_text())


def test_the_application_makes_what_is_inserted_and_is_not_asked_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_application(project, monkeypatch)
    project.write("users", USERS)
    assert counts(project.init(), "users") == {"insert": 3}
    assert calls(project) == 2
    first = project.rows("SELECT email, password_hash FROM users ORDER BY id")
    for (_, stored), password in zip(first, ("hunter2", "other-secret"), strict=False):
        expected = hashlib.sha256((stored[:8] + password).encode()).hexdigest()
        assert stored[8:] == expected
    assert first[2][1] is None
    project.environ["PASSWORD"] = "rotated"
    project.write(
        "users", USERS.replace("name: Root", "name: Boss") + "  - {email: new, password_hash: x}\n"
    )
    project.update()
    assert calls(project) == 3
    assert project.rows("SELECT email, password_hash FROM users ORDER BY id")[:3] == first
    assert project.rows("SELECT name FROM users WHERE email LIKE 'root%'") == [("Boss",)]
    kept = "\n".join(
        str(project.rows(f"SELECT * FROM seeder.{table}"))
        for (table,) in project.rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'seeder'::regnamespace"
        )
    )
    assert not any(word in kept for word in ("hunter2", "other-secret", first[0][1]))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("app.security:fail", "ValueError in app/security.py:12."),
        ("app.security:gone", "AttributeError: module 'app.security' has no attribute 'gone'."),
        ("app.gone:f", "ModuleNotFoundError: No module named 'app.gone'."),
    ],
)
def test_a_function_that_fails_is_told_without_its_value(
    project: Project, monkeypatch: pytest.MonkeyPatch, function: str, said: str
) -> None:
    with_application(project, monkeypatch)
    project.write("users", USERS.replace("app.security:hash_password", function))
    project.surveyed = False
    with pytest.raises(SeedingFailed) as caught:
        project.init()
    assert caught.value.message == (
        f"seeds/core/users.yaml: `{function}` makes no value for the column password_hash: {said}"
    )
    assert project.value("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{from: hash_password}", "takes a function of the application, not `hash_password`"),
        ('{from: "nowhere.at_all:f"}', "there is no module `nowhere.at_all`"),
        ('{from: "app.security:f", update: always}', "made by a function when a row is inserted"),
    ],
)
def test_a_function_that_cannot_be_meant_is_a_problem(
    project: Project, monkeypatch: pytest.MonkeyPatch, rule: str, said: str
) -> None:
    with_application(project, monkeypatch)
    project.write("users", USERS.replace('{from: "app.security:hash_password"}', rule))
    project.surveyed = False
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    (problem,) = caught.value.problems
    assert said in problem.message
    assert problem.line == 3
