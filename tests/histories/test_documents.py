"""Random histories of documents: strategies change between releases, and nothing is lost."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest
from hypothesis import note
from msgspec.structs import replace

from seeder.database.applying.seed import seed
from seeder.database.settling.resolve_conflict import take
from seeder.database.settling.undo import undo
from seeder.database.staging.context import Orders
from seeder.merge.choices import Take
from seeder.merge.documents import KEPT_OUT, MISSING, Settle, Sides, equal, merge, token_of
from seeder.merge.model import (
    Catalog,
    Conflict,
    ListedRows,
    Migrations,
    Mode,
    SeedColumn,
    SeedRow,
    SeedSet,
    Strategy,
    TableName,
    Way,
)
from seeder.merge.plan import ColumnCase, RowAction
from tests.histories.play import played
from tests.histories.world import LEDGER, connect

WHOLE = None
LIST = Strategy(way=Way.LIST, by=("sku",))
STRATEGIES: dict[str, tuple[Strategy | None, ...]] = {
    "settings": (
        WHOLE,
        Strategy(way=Way.MAP),
        Strategy(way=Way.MAP, paths=(("k", Strategy()),)),
        Strategy(way=Way.MAP, paths=(("l", Strategy(way=Way.MAP, conflict=Conflict.OVERWRITE)),)),
    ),
    "grants": (WHOLE, Strategy(way=Way.SET)),
    "items": (WHOLE, LIST, replace(LIST, moved=((token_of(["x"]), token_of(["y"])),))),
}
CODES = ("ada", "bob", "cy")
NAMES = tuple(STRATEGIES)


class Cell:
    """What the ledger and the table hold of one column of one row."""

    def __init__(self, value: Any) -> None:
        self.asked, self.live = value, copy.deepcopy(value)
        self.offered: tuple[Any, ...] = ()
        """The one value that was offered and kept out, if any."""

    def sides(self, desired: Any) -> Sides:
        return Sides(
            asked=self.asked,
            stored=self.asked,
            live=self.live,
            desired=desired,
            offered=next(iter(self.offered), MISSING),
            was_offered=bool(self.offered),
        )

    def update(self, desired: Any, strategy: Strategy | None) -> tuple[ColumnCase, tuple[Any, ...]]:
        """Carry out an update; the case, and what is offered where the row is recorded."""
        if equal(desired, self.asked):
            return ColumnCase.NOTHING, ()
        if equal(desired, self.live):
            self.asked = desired
            return ColumnCase.SETTLE, ()
        if strategy is None:
            if equal(self.live, self.asked):
                self.asked, self.live = desired, copy.deepcopy(desired)
                return ColumnCase.UPDATE, ()
            again = any(equal(each, desired) for each in self.offered)
            return ColumnCase.HELD if again else ColumnCase.CONFLICT, (desired,)
        found = merge(self.sides(desired), strategy)
        writes, records = not equal(found.value, self.live), not equal(found.asked, self.asked)
        self.asked, self.live = found.asked, copy.deepcopy(found.value)
        case = (
            ColumnCase.MERGE
            if writes
            else ColumnCase.CONFLICT
            if found.conflicts
            else ColumnCase.SETTLE
            if records
            else ColumnCase.HELD
        )
        return case, (desired,) if found.kept_out else ()

    def settle(self, desired: Any, strategy: Strategy | None, choice: Take) -> bool:
        """Settle what is in conflict, and nothing else; whether anything was."""
        if equal(desired, self.asked) or equal(desired, self.live):
            return False
        if strategy is None:
            if equal(self.live, self.asked):
                return False
            self.asked = desired
            if choice is Take.DESIRED:
                self.live = copy.deepcopy(desired)
            return True
        found = merge(self.sides(desired), strategy, settle=Settle(take=choice, parts=("",)))
        self.asked, self.live = found.asked, copy.deepcopy(found.value)
        return any(each.case in (ColumnCase.SETTLE, ColumnCase.OVERWRITE) for each in found.changes)


class Documents:
    """A history of one table, whose people's own additions have names of their own."""

    number = 0

    def __init__(self, connection, random: Random) -> None:
        Documents.number += 1
        self.connection, self.random = connection, random
        self.table = f"documents_{self.number}"
        connection.execute(
            f"CREATE TABLE {self.table} (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
            " settings jsonb, grants text[], items jsonb)"
        )
        self.images = [
            (
                {code: {name: self.document(name) for name in NAMES} for code in CODES},
                {name: random.choice(STRATEGIES[name]) for name in NAMES},
            )
            for _ in range(2)
        ]
        """Rows and strategies of two images; the first one is the one that runs."""
        self.rows, self.strategies = self.images[0]
        self.own: dict[tuple[str, str], set[str]] = {
            (code, name): set() for code in CODES for name in NAMES
        }
        self.run(Mode.UPDATE)
        self.cells = {(code, name): Cell(self.rows[code][name]) for code in CODES for name in NAMES}

    def drop(self) -> None:
        self.connection.execute(f"DROP TABLE {self.table}")

    # -- what may happen ----------------------------------------------------------------

    def document(self, name: str) -> Any:
        random = self.random
        if name == "grants":
            return random.sample("abcd", random.randint(0, 3))
        if name == "items":
            skus = random.sample("xyz", random.randint(0, 2))
            return [{"sku": sku, "n": random.randint(0, 2)} for sku in skus]
        if random.random() < 0.05:
            return MISSING
        found: dict[str, Any] = {}
        for key in random.sample("klmn", random.randint(0, 3)):
            found[key] = random.choice([0, 1, 2, None, {"p": random.randint(0, 2), "q": 0}])
        return found

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            step = self.random.choice(
                [self.catalog_changes] * 3
                + [self.person_edits] * 3
                + [self.person_adds, self.strategy_changes, self.update, self.update, self.settle]
                + [self.other_image]
            )
            note(step.__name__)
            step()
            self.agree()
        self.update()
        self.agree()

    def catalog_changes(self) -> None:
        code, name = self.random.choice(CODES), self.random.choice(NAMES)
        self.rows[code][name] = self.document(name)
        note(f"{code} {name} {self.rows[code][name]}")

    def strategy_changes(self) -> None:
        name = self.random.choice(NAMES)
        self.strategies[name] = self.random.choice(STRATEGIES[name])
        note(f"{self.strategies}")

    def other_image(self) -> None:
        self.images.reverse()
        self.rows, self.strategies = self.images[0]
        note(f"{self.rows} {self.strategies}")

    def person_edits(self) -> None:
        code, name = self.random.choice(CODES), self.random.choice(NAMES)
        live = self.cells[code, name].live
        other = self.document(name)
        if live is MISSING or other is MISSING:
            return
        if name == "settings":
            keys = set(live) | set(other)
            for key in self.random.sample(sorted(keys), min(1, len(keys))):
                live = {each: value for each, value in live.items() if each != key} | (
                    {key: other[key]} if key in other else {}
                )
        elif name == "grants":
            live = [*other, *(each for each in live if each.startswith("own"))]
        else:
            live = [*(each for each in live if each["sku"].startswith("own")), *other]
        for key in list(self.own[code, name]):
            if key not in self.names_in(live):
                self.own[code, name].discard(key)
        self.write(code, name, live)

    def person_adds(self) -> None:
        code, name = self.random.choice(CODES), self.random.choice(NAMES)
        live = self.cells[code, name].live
        if live is MISSING:
            return
        key = f"own{self.random.randrange(10**6)}"
        self.own[code, name].add(key)
        if name == "settings":
            live = live | {key: 1}
        else:
            live = [*live, key if name == "grants" else {"sku": key}]
        self.write(code, name, live)

    def write(self, code: str, name: str, live: Any) -> None:
        self.cells[code, name].live = live
        self.connection.execute(
            f"UPDATE {self.table} SET {name} = %s WHERE code = %s",
            [live if name == "grants" else json.dumps(live), code],
        )
        note(f"{code} {name} is {live}")

    # -- seeder -------------------------------------------------------------------------

    def catalog(self) -> Catalog:
        columns = (
            SeedColumn(name="code"),
            *(SeedColumn(name=name, merge=self.strategies[name]) for name in NAMES),
        )
        rows = [
            SeedRow(
                key=code,
                values=(code, *(None if v is MISSING else v for v in row.values())),
            )
            for code, row in self.rows.items()
        ]
        only = SeedSet(
            name=self.table,
            file="seeds/core/documents.yaml",
            table=TableName(schema=None, name=self.table),
            key=("code",),
            columns=columns,
            rows=ListedRows(tuple(rows)),
        )
        return Catalog(
            project=None,
            release=None,
            environment="production",
            migrations=Migrations(),
            sets=(only,),
        )

    def open_run(self, mode: str) -> int:
        return LEDGER.open_run(
            self.connection, version="test", mode=mode, environment="production", release=None
        )

    def run(self, mode: Mode = Mode.UPDATE) -> tuple[int, dict[str, int]]:
        orders = Orders(mode=mode, adopt=True, allow_missing=frozenset({self.table}))
        with self.connection.transaction():
            run = self.open_run("update")
            (outcome,), _ = seed(self.connection, LEDGER, self.catalog(), orders, run=run)
        return run, dict(outcome.counts)

    def update(self) -> None:
        before = {place: copy.deepcopy(cell.live) for place, cell in self.cells.items()}
        run, counts = self.run()
        expected: dict[str, int] = {}
        for code, row in self.rows.items():
            cells = {name: self.cells[code, name] for name in NAMES}
            found = {
                name: cell.update(row[name], self.strategies[name]) for name, cell in cells.items()
            }
            cases = {case for case, _ in found.values()}
            withdrawn = any(
                cells[name].offered and case is ColumnCase.NOTHING
                for name, (case, _) in found.items()
            )
            action = None
            if cases & {ColumnCase.MERGE, ColumnCase.UPDATE, ColumnCase.OVERWRITE}:
                action = RowAction.UPDATE
            elif ColumnCase.CONFLICT in cases:
                action = RowAction.KEEP
            elif ColumnCase.SETTLE in cases or withdrawn:
                action = RowAction.RECORD
            if action is not None:
                expected[action.value] = expected.get(action.value, 0) + 1
                for name, (_, offered) in found.items():
                    cells[name].offered = offered
        counts.pop("conflicts", None)
        assert counts == expected
        # What the release was told once it is not told again.
        _, again = self.run()
        assert again == {}
        if self.random.random() < 0.3:
            self.undo(run, before)

    def undo(self, run: int, before: dict[tuple[str, str], Any]) -> None:
        """Right after a run, its undo brings back exactly what was there before."""
        note("undo")
        with self.connection.transaction():
            undo(self.connection, LEDGER, run=run, by=self.open_run("undo"))
        for place, cell in self.cells.items():
            cell.live = before[place]

    def settle(self) -> None:
        code, choice = self.random.choice(CODES), self.random.choice(list(Take))
        note(f"{code} {choice}")
        with self.connection.transaction():
            change = take(
                self.connection,
                LEDGER,
                self.catalog(),
                set_name=self.table,
                key=code,
                live=choice is Take.LIVE,
                places=(),
                run=self.open_run("resolve"),
            )
        settled = False
        for name in NAMES:
            cell, desired = self.cells[code, name], self.rows[code][name]
            whole = self.strategies[name] is None
            if cell.settle(desired, self.strategies[name], choice):
                settled = True
                cell.offered = ()
                if whole and choice is Take.DESIRED:
                    self.own[code, name].clear()
        assert (change.action is not RowAction.KEEP) is settled
        assert all(each.case not in KEPT_OUT for each in change.columns)
        if settled:
            # Offers of what the catalog does not ask for any more go with it.
            for name in NAMES:
                if equal(self.cells[code, name].asked, self.rows[code][name]):
                    self.cells[code, name].offered = ()

    # -- what must be so ----------------------------------------------------------------

    def names_in(self, live: Any) -> set[str]:
        if live is MISSING:
            return set()
        return {each["sku"] if isinstance(each, dict) else each for each in live}

    def agree(self) -> None:
        rows = self.connection.execute(
            f"SELECT code, settings, grants, items FROM {self.table}"
        ).fetchall()
        for code, *values in rows:
            for name, value in zip(NAMES, values, strict=True):
                cell = self.cells[code, name]
                live = MISSING if value is None else value
                assert equal(live, cell.live), f"{code} {name}: {live}, not {cell.live}"
                lost = self.own[code, name] - self.names_in(live)
                assert not lost, f"{code} {name}: {lost} was a person's and is lost"


@pytest.mark.parametrize("examples", [25])
def test_no_change_of_strategy_loses_what_people_added(database, examples) -> None:
    connection = connect(database)

    def go_on(random: Random) -> None:
        history = Documents(connection, random)
        try:
            history.go_on(steps=25)
        finally:
            history.drop()

    played(go_on, examples=examples)
