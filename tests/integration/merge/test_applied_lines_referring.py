"""An update of a large file whose rows refer to others looks at few of them, too."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from seeder.catalog.rows import drafts
from seeder.database.ledger.runs.line_blocks import Lines
from tests.integration.merge.test_applied_lines import ALL, agree, read, updated
from tests.support.merge import Project, counts

__all__ = ["read"]

TABLES = """
CREATE TABLE kinds (id serial PRIMARY KEY, code text NOT NULL UNIQUE, label text);
CREATE TABLE items (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text{unique},
    kind_id int REFERENCES kinds{gone});
"""
ITEMS = "table: items\nkey: code\ncolumns: {{kind_id: {{ref: kinds}}}}\n{}rows_from: items.csv\n"
KINDS = "table: kinds\nkey: code\n{}rows:\n{}\n"


@pytest.fixture(autouse=True)
def in_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CSV file with references stays in its file, however small."""
    monkeypatch.setattr(drafts, "LARGE", 0)


class Given:
    """What the catalog says."""

    def __init__(self, number: int) -> None:
        self.kinds = {f"kind-{n}": f"Kind {n}" for n in range(4)}
        self.items = {
            str(n): [f"Item {n}", f"kind-{n % 4}" if n % 5 else ""]
            for n in range(100_000, 100_000 + number)
        }
        self.moved: list[tuple[str, str]] = []

    def write(self, project: Project, *, policies: str = "") -> None:
        """Write both sets."""
        moved = "".join(f"  - {{from: {a}, to: {b}}}\n" for a, b in self.moved)
        rows = "\n".join(f"  - {{code: {k}, label: {v}}}" for k, v in self.kinds.items())
        project.write("kinds", KINDS.format(policies + (moved and f"moved:\n{moved}"), rows))
        lines = [",".join([key, *values]) for key, values in sorted(self.items.items())]
        project.write("items.csv", "\n".join(["code,name,kind_id", *lines, ""]))
        project.write("items", ITEMS.format(policies))


def begun(project: Project, number: int, *, unique: str = "", gone: str = "") -> Given:
    """Both tables with their first rows."""
    given = Given(number)
    project.sql(TABLES.format(unique=unique, gone=gone))
    given.write(project)
    project.init()
    return given


def kind_of(project: Project, code: str) -> object:
    """The kind that an item refers to."""
    return project.value(
        f"SELECT k.code FROM items i LEFT JOIN kinds k ON k.id = kind_id WHERE i.code = '{code}'"
    )


def test_rows_around_a_changed_reference_alone_are_staged(
    project: Project, read: list[Lines]
) -> None:
    given = begun(project, 4000)
    given.items["102001"][1] = "kind-3"
    given.write(project)
    done, staged = updated(project, read)
    assert (done, 0 < staged < 200) == ({"update": 1}, True)
    assert kind_of(project, "102001") == "kind-3"
    given.kinds["new"] = "New"
    given.items["100006"][1] = "new"
    given.write(project)
    done, staged = updated(project, read)
    assert (done, 0 < staged < 200) == ({"update": 1}, True)
    assert kind_of(project, "100006") == "new"


def test_a_row_that_waits_for_another_one_is_looked_at_by_every_update(
    project: Project, read: list[Lines]
) -> None:
    given = begun(project, 500)
    project.sql("UPDATE items SET kind_id = NULL WHERE kind_id = 1; DELETE FROM kinds WHERE id = 1")
    given.items["200000"] = ["Waits", "kind-0"]
    given.write(project)
    done, _ = updated(project, read)
    assert done["skip"] == 1
    assert updated(project, read)[1] == ALL
    project.command("restore", "kinds/kind-0")
    done, staged = updated(project, read)
    assert (done, staged) == ({"insert": 1}, ALL)
    assert kind_of(project, "200000") == "kind-0"
    assert updated(project, read) == ({}, ALL)
    assert updated(project, read) == ({}, 0)


def test_another_set_of_the_same_keys_is_another_reference(
    project: Project, read: list[Lines]
) -> None:
    given = begun(project, 500)
    project.sql(
        "CREATE TABLE sorts (id serial PRIMARY KEY, code text UNIQUE, label text);"
        "ALTER TABLE items DROP CONSTRAINT items_kind_id_fkey;"
    )
    rows = "\n".join(f"  - {{code: {k}, label: {v}}}" for k, v in given.kinds.items())
    project.write("sorts", f"table: sorts\nkey: code\nrows:\n{rows}\n")
    project.write("items", ITEMS.format("").replace("ref: kinds", "ref: sorts"))
    assert updated(project, read)[1] == ALL


def test_where_the_set_that_is_referred_to_moves_rows_all_are_staged(
    project: Project, read: list[Lines]
) -> None:
    given = begun(project, 500)
    given.kinds = {"kind-a" if k == "kind-0" else k: v for k, v in given.kinds.items()}
    for values in given.items.values():
        values[1] = "kind-a" if values[1] == "kind-0" else values[1]
    given.moved = [("kind-0", "kind-a")]
    given.write(project)
    assert updated(project, read) == ({}, ALL)
    assert kind_of(project, "100004") == "kind-a"
    # The old key is free again, for another row.
    given.moved = []
    given.kinds["kind-0"] = "Another"
    given.items["100004"][1] = "kind-0"
    given.write(project)
    assert updated(project, read) == ({"update": 1}, ALL)
    assert (kind_of(project, "100004"), kind_of(project, "100008")) == ("kind-0", "kind-a")
    given.items["100008"][1] = "kind-0"
    given.write(project)
    done, staged = updated(project, read)
    assert (done, 0 < staged < 200) == ({"update": 1}, True)


# -- the same as without -----------------------------------------------------------------


def change(chance: random.Random, project: Project, given: Given) -> None:
    """Something that a release or a person does."""
    key = chance.choice(sorted(given.items))
    kind, other = (chance.choice(sorted(given.kinds)) for _ in range(2))
    code = f"'{chance.choice(range(100_000, 100_320))}'"
    some = f"(SELECT max(id) FROM kinds WHERE code = '{kind}')"

    def repoints() -> None:
        given.items[key][1] = kind

    def renames() -> None:
        given.items[key][0] = str(chance.randrange(9))

    def kind_leaves() -> None:
        if len(given.kinds) > 2 and kind != other:
            del given.kinds[kind]
            for values in given.items.values():
                values[1] = other if values[1] == kind else values[1]

    def kind_comes() -> None:
        name = f"kind-{chance.randrange(20)}"
        given.kinds[name] = "Late"
        given.items[key][1] = name

    def kind_moves() -> None:
        to = f"moved-{chance.randrange(20)}"
        if to not in given.kinds:
            given.kinds = {to if k == kind else k: v for k, v in given.kinds.items()}
            given.moved.append((kind, to))
            for values in given.items.values():
                values[1] = to if values[1] == kind else values[1]

    def forgets_moves() -> None:
        given.moved = []

    def leaves() -> None:
        del given.items[key]

    def comes() -> None:
        given.items[str(chance.randrange(100_000, 100_900))] = ["New", kind]

    def person_repoints() -> None:
        project.sql(f"UPDATE items SET kind_id = {some} WHERE code = {code}")

    def person_deletes() -> None:
        project.sql(f"DELETE FROM items WHERE code = {code}")

    def person_deletes_a_kind() -> None:
        project.sql(
            f"UPDATE items SET kind_id = NULL WHERE kind_id = {some};"
            f"DELETE FROM kinds WHERE code = '{kind}'"
        )

    def person_swaps_a_kind() -> None:
        project.sql(f"UPDATE kinds SET code = code || 'x' WHERE code = '{kind}'")

    def resolves() -> None:
        project.command("resolve", "--all", "--take", chance.choice(["live", "desired"]))

    def restores() -> None:
        project.command("restore", f"kinds/{kind}")

    def undoes() -> None:
        run = project.value("SELECT max(id) FROM seeder.runs WHERE mode = 'update'")
        if run is not None:
            project.command("undo", str(run), "--yes")

    happens: list[Callable[[], None]] = [
        *[repoints] * 4, renames, renames, kind_leaves, kind_comes, kind_comes, kind_moves,
        forgets_moves, leaves, comes, person_repoints, person_deletes, person_deletes_a_kind,
        person_swaps_a_kind, resolves, restores, restores, undoes,
    ]  # fmt: skip
    chance.choice(happens)()


def played(project: Project, seed: int) -> list[Any]:
    """A history of some releases; what there is after each of them."""
    chance = random.Random(seed)
    project.surveyed = chance.random() < 0.5
    gone = chance.choice(["", " ON DELETE SET NULL", " ON DELETE CASCADE"])
    given = begun(project, 320, unique=chance.choice(["", " UNIQUE"]), gone=gone)
    seen: list[Any] = []
    for _ in range(6):
        for _ in range(chance.choice([0, 1, 3, 8])):
            change(chance, project, given)
        policies = f"removed: {chance.choice(['keep', 'keep', 'delete'])}\n"
        given.write(project, policies=policies)
        try:
            result = project.update()
            done: Any = [counts(result, name) for name in ("kinds", "items")]
        except Exception as error:  # noqa: BLE001  # it is compared
            done = str(error)
        seen.append(done)
        seen += [
            project.rows(query)
            for query in (
                "SELECT code, label FROM kinds ORDER BY code",
                "SELECT i.code, name, k.code FROM items i LEFT JOIN kinds k ON k.id = kind_id"
                " ORDER BY 1",
                "SELECT addr, state::text, inserted_by, run, notes::text, c1, c2, c3, r2"
                " FROM seeder.base_2 ORDER BY addr",
                "SELECT run, addr, action, reason FROM seeder.changes ORDER BY 1, 2, 3",
            )
        ]
    return seen


@pytest.mark.parametrize("seed", range(10))
def test_a_history_ends_as_it_does_where_all_is_staged(
    project: Project, read: list[Lines], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    agree(project, read, monkeypatch, lambda: played(project, seed), tables="items, kinds")
