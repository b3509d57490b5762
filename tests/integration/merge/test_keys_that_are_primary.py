"""Primary keys that pass from row to row, since they are what the rows are known by."""

from __future__ import annotations

import pytest

from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project, counts

QUERY = "SELECT code, name FROM tags ORDER BY code"


def tags(project: Project, name: str, *rows: str, moved: str = "") -> None:
    """Write a set on the table `tags`: rows as `code name`, moves as `from to`."""
    moves = "".join(
        "  - {{from: {}, to: {}}}\n".format(*each.split()) for each in moved.split(", ") if each
    )
    listed = "".join("  - {{code: {}, name: {}}}\n".format(*row.split()) for row in rows)
    head = f"moved:\n{moves}" if moved else ""
    project.write(name, f"table: tags\nkey: code\n{head}rows:\n{listed}")


@pytest.fixture
def tagged(project: Project) -> Project:
    """A table whose key is its primary key, as text."""
    project.sql("CREATE TABLE tags (code text PRIMARY KEY, name text)")
    return project


@pytest.mark.parametrize("names", [("a_mover", "b_taker"), ("b_mover", "a_taker")])
def test_one_set_takes_the_key_that_another_moves_away(
    tagged: Project, names: tuple[str, str]
) -> None:
    mover, taker = names
    tags(tagged, mover, "gold old")
    tags(tagged, taker, "iron last")
    tagged.init()
    tags(tagged, mover, "oldgold old", moved="gold oldgold")
    tags(tagged, taker, "iron last", "gold new")
    result = tagged.update()
    assert (counts(result, mover), counts(result, taker)) == ({"move": 1}, {"insert": 1})
    assert tagged.rows(QUERY) == [("gold", "new"), ("iron", "last"), ("oldgold", "old")]
    tagged.assert_settled()


def test_two_rows_of_two_sets_swap_their_keys(tagged: Project) -> None:
    tags(tagged, "one", "a first")
    tags(tagged, "two", "b second")
    tagged.init()
    tags(tagged, "one", "b first", moved="a b")
    tags(tagged, "two", "a second", moved="b a")
    tagged.update()
    assert tagged.rows(QUERY) == [("a", "second"), ("b", "first")]
    tagged.assert_settled()


def test_a_chain_through_many_sets_moves_up_by_one(tagged: Project) -> None:
    for n in range(1, 26):
        tags(tagged, f"set{n:02}", f"k{n:02} r{n:02}")
    tagged.init()
    for n in range(1, 26):
        tags(tagged, f"set{n:02}", f"k{n + 1:02} r{n:02}", moved=f"k{n:02} k{n + 1:02}")
    tagged.update()
    assert tagged.rows(QUERY) == [(f"k{n + 1:02}", f"r{n:02}") for n in range(1, 26)]
    tagged.assert_settled()


@pytest.mark.parametrize("key", ["id", "[tag, id]"])
def test_rows_that_refer_to_them_follow(tagged: Project, key: str) -> None:
    tagged.sql(
        "CREATE TABLE uses (id int, tag text REFERENCES tags ON UPDATE CASCADE, note text,"
        f" PRIMARY KEY ({key.strip('[]')}))"
    )
    uses = (
        f"table: uses\nkey: {key}\ncolumns: {{{{tag: {{{{ref: one}}}}}}}}\nrows:\n"
        "  - {{id: 1, tag: {}, note: first}}\n  - {{id: 2, tag: {}, note: {}}}\n"
    )
    tags(tagged, "one", "a first", "c third")
    tags(tagged, "two", "b second")
    tagged.write("uses", uses.format("a", "c", "more"))
    tagged.init()
    tags(tagged, "one", "z first", "c third", moved="a z")
    tags(tagged, "two", "b second", "a new")
    tagged.write("uses", uses.format("z", "c", "most"))
    assert counts(tagged.update(), "uses") == {"update": 1}
    assert tagged.rows(QUERY) == [("a", "new"), ("b", "second"), ("c", "third"), ("z", "first")]
    assert tagged.rows("SELECT id, tag, note FROM uses ORDER BY id") == [
        (1, "z", "first"),
        (2, "c", "most"),
    ]
    tagged.assert_settled()


def test_an_undo_takes_the_same_way_back(tagged: Project) -> None:
    tags(tagged, "one", "a first")
    tags(tagged, "two", "b second")
    tagged.init()
    tags(tagged, "one", "z first", moved="a z")
    tags(tagged, "two", "b second", "a new")
    tagged.update()
    undone = undo(tagged.settings(), run=2, dry_run=False, log=Events())
    assert undone.counts == {"update": 1, "delete": 1}
    assert tagged.rows(QUERY) == [("a", "first"), ("b", "second")]
    tagged.assert_settled()


@pytest.mark.parametrize("kind", ["integer", "date", "uuid", "numeric"])
def test_keys_of_other_types_pass_as_well(project: Project, kind: str) -> None:
    one, two, three = {
        "integer": ("1", "2", "3"),
        "numeric": ("1", "2", "3"),
        "date": ("'2026-01-01'", "'2026-01-02'", "'2026-01-03'"),
        "uuid": (f"'{1:032x}'", f"'{2:032x}'", f"'{3:032x}'"),
    }[kind]
    project.sql(f"CREATE TABLE tags (code {kind} PRIMARY KEY, name text)")
    tags(project, "b_mover", f"{one} old")
    tags(project, "a_taker", f"{two} last")
    project.init()
    tags(project, "b_mover", f"{three} old", moved=f"{one} {three}")
    tags(project, "a_taker", f"{two} last", f"{one} new")
    project.update()
    assert project.rows("SELECT name FROM tags ORDER BY code") == [("new",), ("last",), ("old",)]
    project.assert_settled()
