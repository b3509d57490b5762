"""Databases whose encoding is not UTF-8."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from seeder.errors import ConfigurationInvalid
from tests.support.merge import Project, open_project
from tests.support.postgres import Database, Server


@pytest.fixture
def latin(server: Server, tmp_path: Path, worker_id: str) -> Iterator[Project]:
    """A project on a database in LATIN1."""
    database = Database(server, f"latin_{worker_id}_{tmp_path.name[-20:]}")
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'").format(
                sql.Identifier(database.name)
            )
        )
    yield open_project(tmp_path / "db", database)
    database.close()


@pytest.mark.parametrize("form", ["yaml", "csv"])
def test_characters_that_the_encoding_has_are_stored(latin: Project, form: str) -> None:
    _write(latin, form, "a", "é")
    latin.run()
    assert latin.rows("SELECT k, v, length(v) FROM t ORDER BY k") == [
        ("a", "é", 1),
        ("plain", "x", 1),
    ]
    latin.update()
    latin.assert_settled()


@pytest.mark.parametrize("form", ["yaml", "csv"])
def test_a_character_that_the_encoding_lacks_is_named_with_its_row(
    latin: Project, form: str
) -> None:
    _write(latin, form, "a", "é€ł")
    with pytest.raises(ConfigurationInvalid) as caught:
        latin.run()
    assert [(each.line, each.message) for each in caught.value.problems] == [
        (
            5 if form == "yaml" else 3,
            "t/a, column v: the value has a character that the database's encoding lacks.",
        )
    ]
    assert latin.value("SELECT count(*) FROM t") == 0


def _write(project: Project, form: str, key: str, value: str) -> None:
    project.sql("CREATE TABLE t (k text PRIMARY KEY, v text)")
    if form == "csv":
        project.write("t.csv", f"k,v\nplain,x\n{key},{value}\n")
        project.write("t", "table: t\nkey: k\nrows_from: t.csv\n")
    else:
        project.write(
            "t", f"table: t\nkey: k\nrows:\n- {{k: plain, v: x}}\n- {{k: {key}, v: {value}}}\n"
        )


def test_statements_hold_no_character_that_an_encoding_may_lack() -> None:
    for file in Path("seeder/database").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in documented
        ]
        assert [text for text in texts if isinstance(text, str) and not text.isascii()] == [], file
