"""`nulls: equal`: NULL in a key is a value like any other."""

from __future__ import annotations

import pytest

from seeder import job
from seeder.catalog.loader import load
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import key_values, row_key
from seeder.settle.restore import restore
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project, outcome

HEAD = "table: fees\nkey: [region, kind]\nnulls: equal\nremoved: delete\n"


def write(project: Project, *rows: str, head: str = HEAD) -> None:
    project.write("fees", f"{head}rows:\n" + "".join(f"  - {row}\n" for row in rows))


@pytest.fixture(params=["text", "integer", "citext", "numeric"])
def fees(project: Project, request: pytest.FixtureRequest) -> Project:
    """A table with a fee for each region, and one for all others."""
    if project.connection.info.server_version < 150000:
        pytest.skip("NULLS NOT DISTINCT came with Postgres 15")
    project.sql(
        "CREATE EXTENSION IF NOT EXISTS citext;"
        f"CREATE TABLE fees (id serial PRIMARY KEY, region {request.param}, kind text NOT NULL,"
        " amount integer, UNIQUE NULLS NOT DISTINCT (region, kind))"
    )
    write(
        project,
        '{region: null, kind: "a,b", amount: 1}',
        '{region: "1", kind: "a,b", amount: 2}',
        "{region: null, kind: c, amount: 3}",
    )
    return project


def live(project: Project) -> list[tuple[object, ...]]:
    return project.rows("SELECT region::text, kind, amount FROM fees ORDER BY id")


def test_rows_with_null_are_inserted_merged_kept_and_removed(fees: Project) -> None:
    fees.init()
    assert live(fees) == [(None, "a,b", 1), ("1", "a,b", 2), (None, "c", 3)]
    fees.assert_settled()
    assert fees.entry("fees", "\\N,c")["state"] == "a"
    fees.sql("UPDATE fees SET amount = 9 WHERE kind = 'c'")
    write(
        fees,
        '{region: null, kind: "a,b", amount: 10}',
        '{region: "1", kind: "a,b", amount: 20}',
        "{region: null, kind: c, amount: 30}",
        "{region: null, kind: d, amount: 40}",
    )
    fees.update()
    assert live(fees) == [
        (None, "a,b", 10),
        ("1", "a,b", 20),
        (None, "c", 9),
        (None, "d", 40),
    ]
    fees.assert_settled()
    write(fees, '{region: "1", kind: "a,b", amount: 20}', "{region: null, kind: c, amount: 30}")
    fees.sql("DELETE FROM fees WHERE kind = 'c'")
    fees.update()
    assert live(fees) == [("1", "a,b", 20)]
    fees.assert_settled()


def test_rows_that_were_here_before_are_adopted_by_null(fees: Project) -> None:
    fees.sql("INSERT INTO fees (region, kind, amount) VALUES (NULL, 'c', 3), (NULL, 'x', 0)")
    fees.update()
    assert dict(outcome(fees.update(), "fees").counts) == {}
    assert live(fees) == [
        (None, "c", 3),
        (None, "x", 0),
        (None, "a,b", 1),
        ("1", "a,b", 2),
    ]
    fees.assert_settled()


def test_a_row_whose_null_a_person_fills_in_is_the_same_row(fees: Project) -> None:
    fees.init()
    fees.sql("UPDATE fees SET region = '7' WHERE kind = 'c'")
    write(fees, '{region: "1", kind: "a,b", amount: 2}', "{region: null, kind: c, amount: 5}")
    fees.update()
    assert live(fees) == [("1", "a,b", 2), ("7", "c", 5)]


def test_a_row_with_null_in_its_key_is_restored_by_its_address_and_undone(fees: Project) -> None:
    fees.init()
    fees.sql("DELETE FROM fees WHERE kind = 'c'")
    restored = restore(fees.settings(), log=Events(), addresses=["fees/\\N,c"])
    assert restored.counts == {"restore": 1}
    assert live(fees)[-1] == (None, "c", 3)
    fees.assert_settled()
    assert restored.run is not None
    undo(fees.settings(), log=Events(), run=restored.run, dry_run=False)
    assert live(fees) == [(None, "a,b", 1), ("1", "a,b", 2)]


def test_csv_gives_null_as_an_empty_field(fees: Project) -> None:
    fees.write("fees.csv", 'region,kind,amount\n,"a,b",1\n1,x,2\n')
    fees.write("fees", HEAD + "rows_from: fees.csv\n")
    fees.init()
    assert live(fees) == [(None, "a,b", 1), ("1", "x", 2)]
    fees.assert_settled()


def test_other_sets_refer_to_such_rows_by_a_list_with_null(fees: Project) -> None:
    fees.sql("CREATE TABLE bills (name text PRIMARY KEY, fee_id integer REFERENCES fees)")
    fees.write(
        "bills",
        "table: bills\nkey: name\ncolumns: {fee_id: {ref: fees}}\n"
        "rows: [{name: one, fee_id: [null, c]}, {name: two, fee_id: ['1', 'a,b']}]\n",
    )
    fees.init()
    assert fees.rows("SELECT b.name, f.amount FROM bills b JOIN fees f ON f.id = fee_id") == [
        ("one", 3),
        ("two", 2),
    ]
    fees.assert_settled()


def test_an_index_that_takes_nulls_for_distinct_does_not_do(project: Project) -> None:
    project.sql("CREATE TABLE fees (id serial PRIMARY KEY, region text, kind text)")
    project.sql("CREATE UNIQUE INDEX ON fees (region, kind)")
    write(project, "{region: null, kind: a}")
    with pytest.raises(ConfigurationInvalid) as caught:
        job.run(project.settings(), log=Events())
    (problem,) = caught.value.problems
    assert problem.remedy == (
        "Add one in a migration:"
        " CREATE UNIQUE INDEX ON public.fees (region, kind) NULLS NOT DISTINCT."
    )


def test_null_in_a_key_is_refused_without_it_with_both_ways_out(project: Project) -> None:
    write(project, "{region: null, kind: a}", head="table: fees\nkey: [region, kind]\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        load(project.directory, environment="production", environ={})
    (problem,) = caught.value.problems
    assert (problem.line, problem.remedy) == (
        4,
        "Give a value, or fix NULL for all rows with `scope`, or write `nulls: equal`.",
    )


def test_two_rows_with_null_in_the_same_place_are_one_row(project: Project) -> None:
    write(project, "{region: null, kind: a}", "{region: null, kind: a}")
    with pytest.raises(ConfigurationInvalid) as caught:
        load(project.directory, environment="production", environ={})
    (problem,) = caught.value.problems
    assert (problem.line, problem.address) == (7, "fees/\\N,a")


def test_null_has_an_address_of_its_own() -> None:
    for values in [(None, "a"), ("\\N", "N"), ("", None), (None,)]:
        assert key_values(row_key(values)) == values
