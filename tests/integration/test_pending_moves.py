"""Restore and resolve leave a move pending: its own set, those that refer to it, and undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from seeder.merge.choices import Take
from seeder.settle.resolve import resolve
from seeder.settle.restore import restore
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project, counts

TABLES = {
    "serial": "CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE, label text);"
    "CREATE TABLE grants (role integer REFERENCES roles, name text, note text,"
    " PRIMARY KEY (role, name));"
    "CREATE TABLE limits (role integer REFERENCES roles, name text, note text,"
    " PRIMARY KEY (role, name))",
    "natural": "CREATE TABLE roles (code text PRIMARY KEY, label text);"
    "CREATE TABLE grants (role text REFERENCES roles ON UPDATE CASCADE, name text, note text,"
    " PRIMARY KEY (role, name));"
    "CREATE TABLE limits (role text REFERENCES roles ON UPDATE CASCADE, name text, note text,"
    " PRIMARY KEY (role, name))",
}

Settle = Callable[[Project], object]

SETTLED: dict[str, Settle] = {
    "nothing": lambda project: None,
    "a row restored": lambda project: _restore(project, "grants/b,gone"),
    "a row restored in the moved set": lambda project: _restore(project, "roles/z"),
    "a conflict resolved": lambda project: resolve(
        project.settings(), log=Events(), addresses=["grants/b,x"], take=Take.LIVE
    ),
}


def _restore(project: Project, address: str) -> None:
    settled = restore(project.settings(), log=Events(), addresses=[address])
    assert settled.counts == {"restore": 1}


def seeds(
    project: Project, role: str, *, note: str = "n1", limit: str = "n1", moved: str = ""
) -> None:
    _write(
        project,
        "roles",
        "key: code\n" + moved,
        [f"{{code: {role}, label: A}}", "{code: b, label: B}", "{code: z, label: Z}"],
    )
    referring = "key: [role, name]\ncolumns: {role: {ref: roles}}\n"
    _write(
        project,
        "grants",
        referring,
        [
            f"{{role: {role}, name: x, note: n1}}",
            f"{{role: b, name: x, note: {note}}}",
            "{role: b, name: gone, note: n1}",
        ],
    )
    _write(project, "limits", referring, [f"{{role: {role}, name: x, note: {limit}}}"])


def _write(project: Project, name: str, head: str, rows: Sequence[str]) -> None:
    listed = "".join(f"  - {row}\n" for row in rows)
    project.write(name, f"table: {name}\nremoved: delete\n{head}rows:\n{listed}")


@pytest.fixture(params=TABLES)
def seeded(project: Project, request: pytest.FixtureRequest) -> Project:
    """A seeded project in which a person deleted two rows and changed one."""
    project.sql(TABLES[request.param])
    seeds(project, "a")
    project.run()
    project.sql(
        "DELETE FROM grants WHERE name = 'gone'; DELETE FROM roles WHERE code = 'z';"
        "UPDATE grants SET note = 'mine' WHERE role::text IN ('b', '2')"
    )
    project.update()
    return project


def codes(project: Project) -> list[str]:
    return [code for (code,) in project.rows("SELECT code FROM roles WHERE label = 'A'")]


@pytest.mark.parametrize("settled", SETTLED)
def test_the_next_update_moves_all_of_it(seeded: Project, settled: str) -> None:
    moved = "moved: [{from: a, to: c}]\n"
    seeds(seeded, "c", note="new", moved=moved)
    SETTLED[settled](seeded)
    assert codes(seeded) == ["a"]
    result = seeded.update()
    assert counts(result, "roles")["move"] == 1
    assert not {"delete", "insert", "adopt", "conflicts"} & set(counts(result, "limits"))
    assert codes(seeded) == ["c"]
    seeds(seeded, "c", note="new", limit="later", moved=moved)
    assert counts(seeded.update(), "limits") == {"update": 1}
    seeded.assert_settled()


@pytest.mark.parametrize("settled", SETTLED)
def test_a_release_that_is_withdrawn_leaves_nothing_behind(seeded: Project, settled: str) -> None:
    seeds(seeded, "c", note="new", moved="moved: [{from: a, to: c}]\n")
    SETTLED[settled](seeded)
    seeds(seeded, "a")
    result = seeded.update()
    written = {"delete", "insert", "adopt", "update", "move"}
    assert not any(written & set(each.counts) for each in result.sets)
    assert codes(seeded) == ["a"]
    assert seeded.value("SELECT count(*) FROM grants WHERE note = 'n1' AND name = 'x'") == 1
    seeded.assert_settled()


@pytest.mark.parametrize("settled", SETTLED)
def test_earlier_runs_can_be_undone(seeded: Project, settled: str) -> None:
    seeds(seeded, "a", limit="changed")
    seeded.update()
    run = seeded.value("SELECT max(id) FROM seeder.runs")
    seeds(seeded, "c", note="new", limit="changed", moved="moved: [{from: a, to: c}]\n")
    SETTLED[settled](seeded)
    assert undo(seeded.settings(), log=Events(), run=run, dry_run=False).counts == {"update": 1}
    assert seeded.value("SELECT note FROM limits") == "n1"


def test_moves_in_a_row_are_taken_together(project: Project) -> None:
    project.sql(TABLES["natural"])
    seeds(project, "a")
    project.run()
    project.sql("DELETE FROM limits")
    moved = "moved: [{from: a, to: c}, {from: c, to: d}]\n"
    seeds(project, "d", moved=moved)
    settled = restore(project.settings(), log=Events(), addresses=["limits/d,x"])
    assert [(row.address, row.action.value) for row in settled.rows] == [("limits/a,x", "restore")]
    assert codes(project) == ["a"]
    project.update()
    assert codes(project) == ["d"]
    assert project.rows("SELECT role, name FROM limits") == [("d", "x")]
    project.assert_settled()


def test_a_row_that_moves_itself_is_restored_under_its_old_key(project: Project) -> None:
    project.sql(TABLES["natural"])
    seeds(project, "a")
    project.run()
    project.sql(
        "DELETE FROM limits; DELETE FROM grants WHERE role = 'a';DELETE FROM roles WHERE code = 'a'"
    )
    seeds(project, "c", moved="moved: [{from: a, to: c}]\n")
    assert restore(project.settings(), log=Events(), addresses=["roles/c"]).counts == {"restore": 1}
    assert codes(project) == ["a"]
    project.update()
    assert codes(project) == ["c"]
    project.assert_settled()
