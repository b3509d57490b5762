"""Sets that share a table: a key that one moves away from is free for the other to take."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seeder import job
from seeder.merge.model import Mode
from seeder.merge.plan_document import to_document
from seeder.phases import planning
from tests.support.events import Events
from tests.support.merge import Project, counts

TABLE = "CREATE TABLE tags (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)"


def giver(project: Project, name: str) -> None:
    """The set that has `gold` so far and calls it `oldgold` from now on."""
    project.write(
        name,
        "table: tags\nkey: code\nmoved: [{from: gold, to: oldgold}]\n"
        "rows:\n  - {code: oldgold, name: old}\n",
    )


@pytest.fixture(params=[("a_giver", "b_taker"), ("b_giver", "a_taker")], ids="-".join)
def names(request: pytest.FixtureRequest, project: Project) -> tuple[str, str]:
    """A launched database, and the names of the set that gives and of the one that takes."""
    giving, taking = request.param
    project.sql(TABLE)
    project.write(giving, "table: tags\nkey: code\nrows:\n  - {code: gold, name: old}\n")
    project.write(taking, "table: tags\nkey: code\nrows:\n  - {code: iron, name: last}\n")
    project.init()
    giver(project, giving)
    project.write(
        taking,
        "table: tags\nkey: code\n"
        "rows:\n  - {code: iron, name: last}\n  - {code: gold, name: new}\n",
    )
    return giving, taking


QUERY = "SELECT id, code, name FROM tags ORDER BY code"


def test_one_set_takes_the_key_that_another_moves_away(
    project: Project, names: tuple[str, str]
) -> None:
    result = project.update()
    assert counts(result, names[0]) == {"move": 1}
    assert counts(result, names[1]) == {"insert": 1}
    assert [row[1:] for row in project.rows(QUERY)] == [
        ("gold", "new"),
        ("iron", "last"),
        ("oldgold", "old"),
    ]
    assert project.value("SELECT name FROM tags WHERE id = %s", first_id(project)) == "old"
    project.assert_settled()


def first_id(project: Project) -> int:
    """The primary key of the row that was `gold` at first."""
    return int(project.entry("tags", "oldgold")["p1"])


def test_a_plan_of_it_is_kept(project: Project, names: tuple[str, str]) -> None:
    shown = planning.plan(project.settings(Mode.UPDATE), log=Events())
    file = project.directory / "plan.json"
    file.write_text(json.dumps(to_document(shown)))
    result = job.run(replace(project.settings(), plan=file), log=Events())
    assert counts(result, names[1]) == {"insert": 1}


def test_what_a_person_renamed_meanwhile_stays_theirs(
    project: Project, names: tuple[str, str]
) -> None:
    project.sql("UPDATE tags SET code = 'mine' WHERE code = 'gold'")
    project.update()
    assert [row[1:] for row in project.rows(QUERY)] == [
        ("gold", "new"),
        ("iron", "last"),
        ("mine", "old"),
    ]
    project.assert_settled()


def test_a_default_that_refers_to_another_table_puts_its_set_first(project: Project) -> None:
    project.sql(
        "CREATE TABLE states (id int PRIMARY KEY, code text UNIQUE);"
        "CREATE TABLE orders (code text PRIMARY KEY, state int NOT NULL DEFAULT 1"
        " REFERENCES states)"
    )
    project.write("a_orders", "table: orders\nkey: code\nrows:\n  - {code: first}\n")
    project.write("b_states", "table: states\nkey: code\nrows:\n  - {code: new, id: 1}\n")
    assert counts(project.init(), "a_orders") == {"insert": 1}
    project.assert_settled()
