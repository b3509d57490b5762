"""The statements in the log: as they were sent, and none of the values that they carry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.support.postgres import Database, OwnServer
from tests.support.shop import Done, Shop

URL_PASSWORD = "mark-url-7f3a"
SECRET = "mark-secret-91bc"
LIVE = "mark-live-c46e"
KEY = "mark-key-03ab"
SCOPE = "mark-scope-77d1"
REMOVED = "mark-removed-5e5e"
DEFAULT = "mark-default-1a2b"
DESIRED, LATER = "mark-desired-5d5d", "mark-later-8c8c"
MARKS = (URL_PASSWORD, SECRET, LIVE, KEY, SCOPE, REMOVED, DEFAULT, DESIRED, LATER)

ROLES = """
    table: roles
    key: code
    scope: {{tenant: {scope}}}
    removed: {{set: {{label: {removed}}}}}
    rows:
      - {{code: owner, level: 3, label: {label}}}
      - {{code: {key}, level: {level}}}
"""
GONE = "      - {code: gone, level: 7}\n"
MEMBERS = """
    table: members
    key: email
    columns:
      role_id: {ref: roles}
      password: {secret: true, update: always}
    rows:
      - {email: root@example.test, role_id: owner, password: !env FIRST_PASSWORD}
"""


def roles(label: str, *, level: int) -> str:
    """The set of roles, with a mark wherever a value can be."""
    return ROLES.format(scope=SCOPE, removed=REMOVED, key=KEY, label=label, level=level)


@pytest.fixture
def marked(shop: Shop, own_server: Callable[..., OwnServer]) -> Shop:
    """A shop that was seeded, edited by a person, and is to be updated."""
    server = own_server(hba=["local all all scram-sha-256"])
    server.execute(f"CREATE ROLE app LOGIN PASSWORD '{URL_PASSWORD}'")
    server.execute("CREATE DATABASE shop OWNER app")
    shop.database = Database(server, "shop")
    shop.environ |= {
        "DATABASE_URL": server.url("shop", user="app", password=URL_PASSWORD),
        "FIRST_PASSWORD": SECRET,
    }
    shop.scripts.add(
        "0003",
        f"ALTER TABLE roles ADD label text, ADD tenant text, ADD note text DEFAULT '{DEFAULT}'",
    )
    shop.seed("roles", roles(DESIRED, level=2) + GONE)
    shop.seed("members", MEMBERS)
    assert shop.run().exit_code == 0
    shop.database.execute(f"UPDATE roles SET label = '{LIVE}' WHERE code = 'owner'")
    shop.seed("roles", roles(LATER, level=4))
    shop.environ["FIRST_PASSWORD"] = f"{SECRET}-2"
    return shop


def told(done: Done) -> list[str]:
    """The statements that were told."""
    return [each["sql"] for each in done.named("statement.executed")]


def is_silent(text: str) -> None:
    for mark in MARKS:
        assert mark not in text, text[max(0, text.index(mark) - 300) :][:600]


def test_statements_are_told_with_the_names_of_rules_and_without_values(marked: Shop) -> None:
    done = marked.run("--mode", "update", "--log-level", "sql")
    assert done.exit_code == 0, done.stderr
    assert done.finished["counts"]["update"] == 2
    text = "\n".join(told(done))
    assert "/* same_row */" in text
    assert 'UPDATE ONLY "public"."roles"' in text
    assert "COPY" in text
    assert all(each["milliseconds"] >= 0 for each in done.named("statement.executed"))
    assert any(each.get("rows") == 2 for each in done.named("statement.executed"))
    is_silent(text)


def test_lists_of_rules_are_told_with_what_they_stand_for(marked: Shop) -> None:
    text = "\n".join(told(marked.run("--mode", "update", "--log-level", "sql")))
    after = re.findall(r"'\{[0-9,]+\}'::smallint\[\](.{0,4})", text)
    assert after
    assert set(after) == {" /* "}
    assert not re.findall(r"OR false\)|NOT \((?:true|false)\)|AND true\b", text)


def test_a_first_load_tells_no_values(marked: Shop) -> None:
    marked.database.execute("DROP SCHEMA seeder CASCADE; TRUNCATE roles, members CASCADE")
    done = marked.run(SEEDER_LOG_LEVEL="sql")
    assert done.finished["counts"]["insert"] == 3
    assert "COPY" in "\n".join(told(done))
    is_silent("\n".join(told(done)))


def test_in_text_a_statement_keeps_its_lines(marked: Shop) -> None:
    done = marked.run("--mode", "update", SEEDER_LOG_LEVEL="sql", SEEDER_LOG_FORMAT="text")
    lines = done.stderr.splitlines()
    assert any(" statement.executed " in line for line in lines)
    assert any(line.startswith("    ") and "/* same_row */" in line for line in lines)
    for mark in (URL_PASSWORD, SECRET, LIVE, SCOPE, REMOVED, DEFAULT, DESIRED, LATER):
        assert mark not in done.stderr


def test_a_statement_that_fails_is_told_with_its_state(marked: Shop) -> None:
    marked.database.execute("ALTER TABLE roles ADD CHECK (level <> 4)")
    done = marked.run("--mode", "update", "--log-level", "sql")
    assert done.exit_code == 18
    failed = done.named("statement.failed")
    assert "23514" in [each["sqlstate"] for each in failed]
    is_silent(json.dumps(failed) + "\n".join(told(done)))


@pytest.mark.parametrize("arguments", [(), ("-v",), ("--log-level", "debug"), ("-q",)])
def test_no_other_level_tells_statements(marked: Shop, arguments: tuple[str, ...]) -> None:
    done = marked.run("--mode", "update", *arguments)
    assert done.exit_code == 0
    assert not [name for name in done.names if name.startswith("statement.")]


def test_what_others_send_is_not_told(marked: Shop) -> None:
    marked.scripts.add("0004", "CREATE TABLE mark_migrated (id int)")
    marked.write("seeds/update/0001_hello.sql", f"UPDATE roles SET note = '{LATER}'")
    done = marked.run("--mode", "update", "--log-level", "sql")
    assert done.exit_code == 0, done.stderr
    text = "\n".join(told(done))
    assert "CREATE TABLE mark_migrated" not in text
    assert "/* the project's own, " in text
    is_silent(text)


def test_every_command_tells_its_statements(marked: Shop) -> None:
    marked.run("--mode", "update")
    for command in (
        ("run",),
        ("plan",),
        ("status",),
        ("conflicts", "--kept"),
        ("history",),
        ("resolve", "roles/owner", "--take", "desired"),
        ("show", "2"),
        ("export", "roles"),
        ("undo", "2", "--yes"),
        ("adopt",),
    ):
        done = marked.command(*command, SEEDER_LOG_LEVEL="sql")
        assert done.exit_code == 0, (command, done.stderr[-2000:])
        assert told(done), command
        is_silent("\n".join(told(done)))
