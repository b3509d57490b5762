"""An update of a large file looks only at what may need something, and finds the same."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seeder.catalog.assembling import assemble
from seeder.database.ledger.runs.line_blocks import Lines
from seeder.database.staging import applied_lines
from seeder.errors import ConfigurationInvalid
from tests.support.merge import Project, counts

TABLE = (
    "CREATE TABLE items (id serial PRIMARY KEY, code {key} NOT NULL UNIQUE, name varchar(20),"
    " price numeric(8,2), active boolean{more})"
)
LARGE = 1 << 60
ALL = -1


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Lines]:
    """Files of every size are large; what was read of each, in order."""
    made: list[Lines] = []

    def noted(*given: Any, **more: Any) -> Lines:
        made.append(Lines(*given, **more))
        return made[-1]

    monkeypatch.setattr(applied_lines, "SMALLEST", 0)
    monkeypatch.setattr(applied_lines, "Lines", noted)
    return made


Rows = dict[str, list[str]]


def rows(number: int, *, first: int = 100_000) -> Rows:
    """Rows as the file has them, by key."""
    return {
        str(n): [f"Item {n}", f"{n % 100}.50", "true" if n % 3 else "false"]
        for n in range(first, first + number)
    }


def backwards(row: tuple[str, list[str]]) -> str:
    """What rows are sorted by that are in no order of their keys."""
    return row[0][::-1]


def write(
    project: Project, given: Rows, *, policies: str = "", order: Callable[..., Any] | None = None
) -> None:
    """Write them as a set."""
    lines = [",".join([key, *values]) for key, values in sorted(given.items(), key=order)]
    project.write("items.csv", "\n".join(["code,name,price,active", *lines, ""]))
    project.write("items", f"table: items\nkey: code\n{policies}rows_from: items.csv\n")


def begun(
    project: Project,
    number: int = 1000,
    *,
    key: str = "text",
    more: str = "",
    order: Callable[..., Any] | None = None,
) -> Rows:
    """The table with its first rows."""
    given = rows(number)
    project.sql(TABLE.format(key=key, more=more))
    write(project, given, order=order)
    project.init()
    return given


def updated(project: Project, read: list[Lines]) -> tuple[dict[str, int], int]:
    """Update; what was done, and how many rows were staged where not all were."""
    before = len(read)
    result = project.update()
    part = read[-1].part if len(read) > before else None
    return counts(result, "items"), part.sent if part is not None else ALL


@pytest.mark.parametrize("key", ["text", "integer", "varchar(8)"])
def test_rows_around_a_change_alone_are_staged(
    project: Project, read: list[Lines], key: str
) -> None:
    given = begun(project, 4000, key=key)
    given["102000"][0] = "Another"
    write(project, given)
    done, staged = updated(project, read)
    assert done == {"update": 1}
    assert staged < 200
    assert project.value("SELECT name FROM items WHERE code = '102000'") == "Another"
    del given["101000"][0:]
    given["101000"] = ["Third", "1.00", "true"]
    write(project, given)
    done, staged = updated(project, read)
    assert (done, staged < 200) == ({"update": 1}, True)


def test_nothing_is_staged_where_nothing_has_changed(project: Project, read: list[Lines]) -> None:
    begun(project)
    assert updated(project, read) == ({}, 0)
    project.sql("UPDATE items SET name = 'Mine' WHERE id % 2 = 0")
    assert updated(project, read) == ({}, 0)


def test_new_rows_are_staged_and_those_that_have_left_are_found(
    project: Project, read: list[Lines]
) -> None:
    given = begun(project)
    given["1005001"] = ["New", "1.00", "true"]
    write(project, given)
    done, staged = updated(project, read)
    assert (done, staged < 200) == ({"insert": 1}, True)
    del given["100500"]
    write(project, given, policies="removed: delete\n")
    done, staged = updated(project, read)
    assert (done, staged) == ({"delete": 1}, ALL)
    assert project.value("SELECT count(*) FROM items") == 1000


def test_rows_that_people_deleted_or_renamed_are_looked_at(
    project: Project, read: list[Lines]
) -> None:
    begun(project)
    project.sql("DELETE FROM items WHERE code = '100100'")
    project.sql("UPDATE items SET code = 'mine' WHERE code = '100200'")
    done, staged = updated(project, read)
    assert 0 < staged < 200
    assert done["record"] == 1
    assert project.rows("SELECT addr FROM seeder.base_1 WHERE state = 'd'") == [("100100",)]


@pytest.mark.parametrize("theirs", [False, True])
def test_two_rows_whose_keys_people_exchanged_are_looked_at(
    project: Project, read: list[Lines], *, theirs: bool
) -> None:
    begun(project)
    if theirs:  # then entries and rows are not alike in any case
        project.sql("INSERT INTO items (code, name) VALUES ('mine', 'Mine')")
    assert updated(project, read) == ({}, 0)
    project.sql(
        "UPDATE items SET code = 'aside' WHERE code = '100100';"
        "UPDATE items SET code = '100100' WHERE code = '100200';"
        "UPDATE items SET code = '100200' WHERE code = 'aside'"
    )
    updated(project, read)
    part = read[-1].part
    assert part is not None
    assert (part.sent, len(part.missing)) == (2, 2)


def test_a_row_that_was_kept_as_it_could_not_be_told_is_seeded_once_it_can(
    project: Project, read: list[Lines]
) -> None:
    given = begun(project)
    project.surveyed = False
    project.sql("UPDATE items SET code = 'mine' WHERE code = '100100'")
    project.sql("INSERT INTO items (code, name) VALUES ('100100', 'Theirs')")
    given["100100"][0] = "Another"
    write(project, given)
    updated(project, read)
    assert project.value("SELECT name FROM items WHERE code = '100100'") == "Theirs"
    project.sql("DELETE FROM items WHERE code = '100100'")
    project.sql("UPDATE items SET code = '100100' WHERE code = 'mine'")
    updated(project, read)
    assert project.value("SELECT name FROM items WHERE code = '100100'") == "Another"


def test_a_key_that_is_written_in_two_ways_is_refused_as_ever(
    project: Project, read: list[Lines]
) -> None:
    given = begun(project, key="integer")
    given["0100100"] = ["Another", "1.00", "true"]
    del given["100900"]  # so that there are as many rows as entries
    keys = sorted(given, key=lambda each: (len(each), each))
    lines = [",".join([each, *given[each]]) for each in keys]
    project.write("items.csv", "\n".join(["code,name,price,active", *lines, ""]))
    project.surveyed = False
    with pytest.raises(Exception, match="asks for the same row"):
        updated(project, read)


@pytest.mark.parametrize("zeros", ["in the file", "in the ledger"])
def test_a_deleted_row_whose_key_was_written_otherwise_is_looked_at(
    project: Project, read: list[Lines], zeros: str
) -> None:
    given = rows(1000)
    padded = {f"0{key}": values for key, values in given.items()}
    before, after = (given, padded) if zeros == "in the file" else (padded, given)
    project.sql(TABLE.format(key="integer", more=""))
    write(project, before)
    project.init()
    write(project, after)
    assert counts(project.update(), "items") == {}
    project.sql("DELETE FROM items WHERE code = 100500")
    assert counts(project.update(), "items") == {"record": 1}
    assert {row["addr"] for row in project.entries("items") if row["state"] == "d"} <= {
        "100500",
        "0100500",
    }
    assert counts(project.update(), "items") == {"keep": 1}


@pytest.mark.parametrize("key", ["text", "integer"])
def test_of_keys_in_no_order_rows_around_a_change_alone_are_staged(
    project: Project, read: list[Lines], key: str
) -> None:
    given = begun(project, key=key, order=backwards)
    given["100500"][0] = "Another"
    given["100333"][0] = "Another"
    given["200000"] = ["New", "1.00", "true"]
    write(project, given, order=backwards)
    project.sql("DELETE FROM items WHERE code::text IN ('100333', '100700')")
    done, staged = updated(project, read)
    assert done == {"update": 1, "insert": 1, "record": 2}
    assert 0 < staged < 60


def test_of_keys_in_no_order_that_nobody_looked_at_all_are_staged(
    project: Project, read: list[Lines], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "CHECKED_SIZE", 0)
    given = begun(project)
    write(project, given, order=backwards)
    project.surveyed = False
    project.update()
    assert project.value("SELECT count(*) FROM seeder.applied_lines") == 0


def test_a_key_that_comes_twice_is_refused_though_its_line_was_skipped(
    project: Project, read: list[Lines]
) -> None:
    begun(project, order=backwards)
    file = project.directory / "seeds/core/items.csv"
    file.write_text(file.read_text() + "100500,Again,1.00,true\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.update()
    assert [each.line for each in caught.value.problems] == [1002]


def test_another_type_of_a_column_stages_all(project: Project, read: list[Lines]) -> None:
    given = begun(project)
    project.sql("ALTER TABLE items ALTER price TYPE numeric(8,1)")
    given["100100"][0] = "Another"
    write(project, given)
    _, staged = updated(project, read)
    assert staged == ALL
    assert project.value("SELECT name FROM items WHERE code = '100100'") == "Another"


# -- the same as without -----------------------------------------------------------------


def change(
    random_: random.Random, project: Project, given: Rows, *, before: Rows, fresh: Iterator[int]
) -> None:
    """Something that a release or a person does."""
    key = random_.choice(sorted(given))
    some = str(random_.choice(range(100_000, 100_320)))
    code = f"'{some}'"

    def catalog() -> None:
        given[key][random_.randrange(2)] = str(random_.randrange(9))

    def leaves() -> None:
        del given[key]

    def comes() -> None:
        number = next(fresh)
        given[f"{100_000 + random_.randrange(300)}{number}"] = [f"New {number}", "1.00", "true"]

    def returns() -> None:
        given.setdefault(some, ["Back", "2.00", "true"])

    def reverts() -> None:
        earlier = {each: list(values) for each, values in before.items()}
        given.clear()
        given.update(earlier)

    def edits() -> None:
        value = random_.choice(["Mine", str(random_.randrange(9))])
        project.sql(
            f"UPDATE items SET name = '{value}' WHERE code = {code}"
            f" AND NOT EXISTS (SELECT FROM items WHERE name = '{value}')"
        )

    def deletes() -> None:
        project.sql(f"DELETE FROM items WHERE code = {code}")

    def inserts() -> None:
        project.sql(
            f"INSERT INTO items (code, name) VALUES ({code}, 'Theirs') ON CONFLICT DO NOTHING"
        )

    def renames() -> None:
        to = f"'{random_.choice(range(100_000, 100_400))}'"
        project.sql(
            f"UPDATE items SET code = {to} WHERE code = {code}"
            f" AND NOT EXISTS (SELECT FROM items WHERE code = {to})"
        )

    def resolves() -> None:
        project.command("resolve", "--all", "--take", random_.choice(["live", "desired"]))

    def restores() -> None:
        project.command("restore", f"items/{some}")

    def undoes() -> None:
        run = project.value("SELECT max(id) FROM seeder.runs WHERE mode = 'update'")
        if run is not None:
            project.command("undo", str(run), "--yes")

    happens: list[Callable[[], None]] = [
        *[catalog] * 6, leaves, comes, returns, reverts, edits, edits, deletes, inserts, renames,
        resolves, restores, undoes,
    ]  # fmt: skip
    random_.choice(happens)()


def played(project: Project, seed: int, *, order: Callable[..., Any] | None = None) -> list[Any]:
    """A history of some releases; what there is after each of them."""
    random_ = random.Random(seed)
    project.surveyed = random_.random() < 0.5
    fresh = iter(range(10_000))
    given = begun(project, 320, more=random_.choice(["", ", UNIQUE (name)"]), order=order)
    before: Rows = {}
    seen: list[Any] = []
    for _ in range(6):
        for _ in range(random_.choice([0, 1, 4, 12])):
            change(random_, project, given, before=before or given, fresh=fresh)
        removed = random_.choice(["keep", "keep", "delete"])
        conflict = random_.choice(["keep", "keep", "overwrite"])
        policies = f"removed: {removed}\nconflict: {conflict}\n"
        write(project, given, policies=policies, order=order)
        if random_.random() < 0.4:
            before = {each: list(values) for each, values in given.items()}
        try:
            done: Any = counts(project.update(), "items")
        except Exception as error:  # noqa: BLE001  # it is compared
            done = str(error)
        seen.append(
            (
                done,
                project.rows("SELECT code, name, price, active FROM items ORDER BY code"),
                project.rows(
                    "SELECT addr, state::text, inserted_by, run, notes::text, c1, c2, c3, c4"
                    " FROM seeder.base_1 ORDER BY addr"
                ),
                project.rows(
                    "SELECT run, addr, action, reason FROM seeder.changes ORDER BY 1, 2, 3"
                ),
            )
        )
    return seen


def agree(
    project: Project,
    read: list[Lines],
    monkeypatch: pytest.MonkeyPatch,
    play: Callable[[], list[Any]],
    *,
    tables: str,
) -> None:
    """A history, in which something is skipped, is the same where all is staged."""
    partly = play()
    assert any(lines.part and lines.part.skipped for lines in read)
    project.sql(f"DROP TABLE {tables}; DROP SCHEMA seeder CASCADE")
    monkeypatch.setattr(applied_lines, "SMALLEST", LARGE)
    assert play() == partly


@pytest.mark.parametrize("order", [None, backwards], ids=["ascending", "in no order"])
@pytest.mark.parametrize("seed", range(8))
def test_a_history_ends_as_it_does_where_all_is_staged(
    project: Project,
    read: list[Lines],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    order: Callable[..., Any] | None,
) -> None:
    play = functools.partial(played, project, seed, order=order)
    agree(project, read, monkeypatch, play, tables="items")
