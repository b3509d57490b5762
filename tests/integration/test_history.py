"""`seeder history` and `seeder show`: the audit trail, by way of the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seeder.cli import main
from seeder.errors import ConfigurationInvalid
from seeder.settle.history import history, show
from tests.support.events import Events
from tests.support.merge import Project


@pytest.fixture
def tiers(project: Project) -> Project:
    """Inserted in run 1, changed in run 2: one value, one row more, one row fewer."""
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, seats integer, hash text)"
    )
    head = (
        "table: tiers\nkey: name\nremoved: delete\n"
        "columns: {hash: {secret: true}}\ndefaults: {hash: geheim}\nrows:\n"
    )
    project.write("tiers", head + "  - {name: free, seats: 1}\n  - {name: pro, seats: 5}\n")
    project.init()
    project.write("tiers", head + "  - {name: free, seats: 2}\n  - {name: max, seats: 9}\n")
    project.update()
    return project


def call(project: Project, *arguments: str) -> int:
    return main([*arguments, "--log-format", "json"], {"SEEDER_DATABASE_URL": project.database.url})


def printed(project: Project, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert call(project, *arguments) == 0
    return capsys.readouterr().out


def test_runs_are_listed_newest_first_with_their_sets(
    tiers: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(tiers, capsys, "history").splitlines()
    assert [line.split()[0] for line in lines] == ["2", "tiers", "1", "tiers"]
    assert lines[1] == "      tiers  1 inserted, 1 updated, 1 deleted"


def test_a_limit_says_that_there_are_older_ones(tiers: Project) -> None:
    found = history(tiers.settings(), log=Events(), limit=1)
    assert [run.id for run in found.runs] == [2]
    assert found.more
    assert not history(tiers.settings(), log=Events(), limit=2).more


def test_a_run_shows_each_row_with_what_was_and_what_is(tiers: Project) -> None:
    found = show(tiers.settings(), log=Events(), run=2)
    rows = {row.address: (row.action, dict(row.before), dict(row.after)) for row in found.rows}
    assert rows["tiers/free"] == ("update", {"seats": "1"}, {"seats": "2"})
    assert rows["tiers/max"][0] == "insert"
    assert rows["tiers/max"][2] == {"name": "max", "seats": "9"}
    assert rows["tiers/pro"][0] == "delete"
    assert rows["tiers/pro"][1]["seats"] == "5"
    assert found.total == 3


def test_no_secret_is_shown(tiers: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert "geheim" not in printed(tiers, capsys, "show", "2")
    assert "geheim" not in printed(tiers, capsys, "show", "2", "--json")


def test_json_has_the_same(tiers: Project, capsys: pytest.CaptureFixture[str]) -> None:
    document: dict[str, Any] = json.loads(printed(tiers, capsys, "show", "2", "--json"))
    assert document["run"]["mode"] == "update"
    assert {row["address"] for row in document["rows"]} == {"tiers/free", "tiers/max", "tiers/pro"}
    listed = json.loads(printed(tiers, capsys, "history", "--json"))
    assert [run["id"] for run in listed["runs"]] == [2, 1]


def test_the_text_shows_values_before_and_after(
    tiers: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(tiers, capsys, "show", "2")
    assert "  ~ tiers/free  updated: the catalog has changed\n        seats  1 → 2\n" in text


def test_more_rows_than_asked_for_are_counted(
    tiers: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "and 2 more rows" in printed(tiers, capsys, "show", "2", "--limit", "1")


def test_an_undo_by_way_of_the_command_line_is_in_the_history(
    tiers: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(tiers, capsys, "undo", "2", "--yes", "--actor", "jo")
    assert "Done: undo run 2; recorded as run 3." in text
    line = printed(tiers, capsys, "history", "--limit", "1").splitlines()[0]
    assert "undo; by jo" in line
    assert "Nothing to do: undo run 2." in printed(tiers, capsys, "undo", "2", "--yes")


def test_looking_writes_nothing(tiers: Project) -> None:
    before = tiers.snapshot()
    history(tiers.settings(), log=Events(), limit=5)
    show(tiers.settings(), log=Events(), run=1)
    assert tiers.snapshot() == before
    assert tiers.value("SELECT count(*) FROM seeder.runs") == 2


def test_an_unknown_run_is_an_error(tiers: Project) -> None:
    with pytest.raises(ConfigurationInvalid, match="no run 99"):
        show(tiers.settings(), log=Events(), run=99)


def test_a_database_without_a_ledger_is_an_error(project: Project) -> None:
    with pytest.raises(ConfigurationInvalid, match="no ledger"):
        history(project.settings(), log=Events(), limit=5)
