"""One history: edits of the catalog, edits by people, and updates, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random

import psycopg
from hypothesis import note

from seeder.merge.model import Removed
from tests.histories.model import Database
from tests.histories.state import Column, Row, Set
from tests.histories.triggers import Value
from tests.histories.world import World

CODES = ("ada", "bob", "cy", "dee", "eli")
TEXTS = (None, "", "a", "A", "b")


class History:
    """The steps of a history; subclasses say which sets it is about."""

    number = 0
    """Keeps the tables of histories apart."""
    must = (
        "migration_renames_table",
        "migration_renames_column",
        "migration_changes_key",
        "catalog_leaves_columns",
        "undo",
        "restore",
        "resolve_for_live",
        "resolve_for_desired",
    )
    """Steps that must take effect: histories in which they do not say nothing of them."""

    def __init__(self, connection: psycopg.Connection, random: Random) -> None:
        type(self).number += 1
        self.random = random
        self.sets = self.choose()
        note(f"{self.sets}")
        self.model = Database()
        self.settled = False
        """The catalog is that of the last update."""
        self.moved_away = False
        """A table has had another name since."""
        self.effects: Counter[str] = Counter()
        """How often each step did something."""
        self.world = World(connection, self.sets, self.model)

    def choose(self) -> tuple[Set, ...]:
        """The sets, referenced ones first."""
        raise NotImplementedError

    def values_of(self, column: Column) -> tuple[str | None, ...]:
        """What a column may hold."""
        return TEXTS

    def go_on(self, updates: int) -> None:
        """Let things happen, and after each few of them an update."""
        for each in self.sets:
            for code in CODES[: self.one_of(range(2, len(CODES)))]:
                self.ask_for(each, code)
        for _ in range(updates):
            for _ in range(self.one_of(range(1, 8))):
                self.take(self.one_of(self.steps()))
            self.update()
            for _ in range(self.one_of(range(4))):
                self.take(self.one_of(self.settling()))

    def take(self, step: Callable[[Set], object]) -> None:
        """Take a step with any of the sets."""
        each = self.one_of(self.sets)
        done = step(each)
        self.effects[step.__name__] += bool(done)
        if not step.__name__.startswith("person"):
            self.settled = step in self.settling() and self.settled
        live = self.model.tables[each.name].live
        note(f"{step.__name__} {each.name}: {done}, {each.rows}, moved {each.moved}, live {live}")
        self.world.rows_agree()

    def steps(self) -> tuple[Callable[[Set], None], ...]:
        """What may happen, the frequent things more than once."""
        return (
            *[self.catalog_asks, self.catalog_changes] * 3,
            *[self.catalog_moves, self.catalog_leaves_out] * 2,
            self.catalog_leaves_columns,
            self.catalog_forgets_moves,
            self.catalog_changes_removal,
            self.migration_renames_table,
            self.migration_renames_column,
            self.migration_changes_key,
            self.migration_changes_scope,
            *[self.person_edits, self.both_change] * 2,
            self.person_deletes,
            self.person_marks,
            self.person_renames,
            self.person_inserts,
            self.person_swaps,
            *self.settling(),
        )

    def settling(self) -> tuple[Callable[[Set], bool], ...]:
        """What people settle, now and then, and above all right after an update."""
        return (self.undo, self.restore, self.resolve_for_live, self.resolve_for_desired)

    # -- the catalog --------------------------------------------------------------------

    def catalog_asks(self, each: Set) -> None:
        self.ask_for(each, self.one_of(CODES))

    def ask_for(self, each: Set, code: str) -> None:
        row: Row = {column.name: self.desired(column) for column in each.columns}
        row |= {each.naming: code, **each.scope}
        if None not in [row[name] for name in each.key]:
            each.rows[each.address(row)] = row
            self.prune_moves()
            if self.one_of([True, False, False]):
                self.leave_column(each, [row])

    def catalog_changes(self, each: Set) -> None:
        if each.rows:
            free = [c for c in each.columns if c.name not in (*each.key, *each.scope)]
            column = self.one_of(free)
            each.rows[self.one_of(sorted(each.rows))] |= {column.name: self.desired(column)}

    def catalog_leaves_columns(self, each: Set) -> bool:
        """A column leaves one row, or all of them."""
        rows = list(each.rows.values())
        return bool(rows) and self.leave_column(
            each, rows if self.one_of([True, False]) else [self.one_of(rows)]
        )

    def leave_column(self, each: Set, rows: Sequence[Row]) -> bool:
        """Whether a row gave it."""
        # A column that was renamed stays, for the catalog says so where it names it.
        free = [
            c.name for c in each.columns if c.name not in (*each.key, *each.scope) and not c.was
        ]
        name = self.one_of(free)
        given = any(name in row for row in rows)
        for row in rows:
            row.pop(name, None)
        return given

    def catalog_leaves_out(self, each: Set) -> None:
        if each.rows:
            self.leave_out(each, self.one_of(sorted(each.rows)))
            self.prune_moves()

    def leave_out(self, each: Set, key: str) -> None:
        """The row, and all rows that refer to it."""
        each.rows.pop(key, None)
        for other, column in self.referring(each):
            for referring in [k for k, row in other.rows.items() if row.get(column.name) == key]:
                self.leave_out(other, referring)

    def catalog_moves(self, each: Set) -> None:
        if not each.rows:
            return
        old = self.one_of(sorted(each.rows))
        row = each.rows[old] | {each.naming: self.one_of(CODES)}
        for column in each.references:
            if column.name in each.key:
                row[column.name] = self.desired(column)
        new = each.address(row)
        if new not in each.rows:
            each.rows = {
                new if k == old else k: row if k == old else r for k, r in each.rows.items()
            }
            each.moved = {k: new if to == old else to for k, to in each.moved.items()} | {old: new}
            for other, column in self.referring(each):
                self.readdress(other, column, old, new)
            self.prune_moves()

    def readdress(self, each: Set, column: Column, old: str, new: str) -> None:
        """Rows and moves that name another set's row by its old key name it by the new one."""

        def follow(key: str) -> str:
            parts = key.split(",")
            if column.name in each.key:
                position = each.key.index(column.name)
                parts[position] = new if parts[position] == old else parts[position]
            return ",".join(parts)

        for row in each.rows.values():
            if row.get(column.name) == old:
                row[column.name] = new
        each.rows = {follow(key): row for key, row in each.rows.items()}
        each.moved = {follow(key): follow(to) for key, to in each.moved.items()}

    def catalog_forgets_moves(self, each: Set) -> None:
        each.moved.clear()

    def catalog_changes_removal(self, each: Set) -> None:
        each.removed = self.one_of([each for each in Removed if each is not Removed.SET])
        if each.marks and self.one_of([True, False]):
            each.removed = Removed.SET

    def prune_moves(self) -> None:
        """Leave out the moves that the catalog would refuse."""
        for each in self.sets:
            each.moved = {
                old: new
                for old, new in each.moved.items()
                if old not in each.rows and new in each.rows
            }

    def desired(self, column: Column) -> Value:
        if column.refers_to is None:
            return self.one_of(self.values_of(column))
        (target,) = [each for each in self.sets if each.name == column.refers_to]
        return self.one_of([*([] if self.in_key(column) else [None]), *sorted(target.rows)])

    # -- migrations -----------------------------------------------------------------------

    def migration_renames_table(self, each: Set) -> bool:
        self.world.rename_table(each)
        self.moved_away = True
        return True

    def migration_renames_column(self, each: Set) -> bool:
        """One that no trigger or removal speaks of, and that the catalog still gives.

        With its deploy: once no row gives the column any more, the catalog cannot say what it was.
        """
        spoken_of = {*each.scope, *each.marks, each.deleted, "one"}
        column = self.one_of([c for c in each.columns if c.name not in spoken_of])
        if column is None or column.name not in each.given:
            return False
        self.world.rename_column(each, column)
        self.update()
        return True

    def migration_changes_key(self, each: Set) -> bool:
        """With its deploy: what people deleted is known by the old key alone, which rows give."""
        if not each.rows:
            return False
        self.world.change_key(each)
        for old, row in list(each.rows.items()):
            for other, column in self.referring(each):
                self.readdress(other, column, old, each.address(row))
        each.rows = {each.address(row): row for row in each.rows.values()}
        self.prune_moves()
        known = bool(self.model.tables[each.name].entries)
        self.update()
        return known

    def migration_changes_scope(self, each: Set) -> bool:
        if None in (each.scope or {None: None}).values():
            return False
        self.moved_away = True
        return self.world.change_scope(each)

    # -- people -------------------------------------------------------------------------

    def person_edits(self, each: Set) -> None:
        column = self.one_of(self.world.columns(each))
        self.change(each, self.some_row(each), **{column.name: self.live_value(column)})

    def both_change(self, each: Set) -> None:
        """A person and the catalog want a value to be another one, which is a conflict mostly."""
        table = self.model.tables[each.name]
        places = {
            key: table.entries[key].pk
            for key in each.rows
            if key in table.entries and table.entries[key].pk in table.live
        }
        key = self.one_of(sorted(places))
        column = self.one_of([c for c in each.columns if c.name not in (*each.key, *each.scope)])
        if key is not None:
            self.change(each, places[key], **{column.name: self.live_value(column)})
            each.rows[key] |= {column.name: self.desired(column)}

    def person_marks(self, each: Set) -> None:
        """Somebody deletes a row as the application does."""
        if each.deleted is not None:
            self.change(each, self.some_row(each), **{each.deleted: "true"})

    def person_renames(self, each: Set) -> None:
        self.change(each, self.some_row(each), **{each.naming: self.one_of((*CODES, "fay"))})

    def person_deletes(self, each: Set) -> None:
        pk = self.some_row(each)
        if pk is not None and not any(
            row[column.name] == pk and column.on_delete == "NO ACTION"
            for other, column in self.referring(each)
            for child, row in self.model.tables[other.name].live.items()
            if other is not each or child != pk
        ):
            self.world.delete(each, pk)

    def person_inserts(self, each: Set) -> None:
        row: Row = {column.name: self.live_value(column) for column in self.world.columns(each)}
        row[each.naming] = self.one_of((*CODES, "fay"))
        if self.world.fits(each, row):
            self.world.insert(each, row)

    def person_swaps(self, each: Set) -> None:
        """Two rows change their keys, as when somebody loads a table again in another order."""
        live = self.model.tables[each.name].live
        one, two = self.some_row(each), self.some_row(each)
        if one != two:
            names = live[one][each.naming], live[two][each.naming]
            self.change(each, one, **{each.naming: "?"})
            self.change(each, two, **{each.naming: names[0]})
            self.change(each, one, **{each.naming: names[1]})

    def live_value(self, column: Column) -> Value:
        if column.refers_to is None:
            return self.one_of(self.values_of(column))
        return self.one_of([None, *sorted(self.model.tables[column.refers_to].live)])

    def some_row(self, each: Set) -> int | None:
        live = sorted(self.model.tables[each.name].live)
        return self.one_of(live) if live else None

    def change(self, each: Set, pk: int | None, **values: Value) -> None:
        if pk is not None:
            row = self.model.tables[each.name].live[pk] | values
            if self.world.fits(each, row, but=pk):
                self.world.change(each, pk, **values)

    # -- what people settle -------------------------------------------------------------

    def undo(self, each: Set) -> bool:
        """A run, mostly the last one, once a run has seen where the tables are now."""
        run = self.one_of(self.model.runs[-self.one_of([1, 1, 1, 3]) :])
        return run is not None and not self.moved_away and self.world.undo(run)

    def restore(self, each: Set) -> bool:
        """A row that is gone, mostly; the catalog asks for nothing new."""
        table = self.model.tables[each.name]
        gone = [
            key
            for key in each.rows
            if key in table.entries
            for row in [table.live.get(table.entries[key].pk)]
            if row is None or each.is_gone(row)
        ]
        key = self.one_of(sorted(gone or each.rows))
        if not self.settled or key is None:
            return False
        marked = {pk for pk, row in table.live.items() if each.is_gone(row)}
        done = self.world.restore(each, key)
        self.effects["revive"] += done and table.entries[key].pk in marked
        return done

    def resolve_for_live(self, each: Set) -> bool:
        return self.resolve(each, live=True)

    def resolve_for_desired(self, each: Set) -> bool:
        return self.resolve(each, live=False)

    def resolve(self, each: Set, *, live: bool) -> bool:
        """A row in conflict, mostly; the catalog asks for nothing new."""
        entries = self.model.tables[each.name].entries
        offered = [key for key in each.rows if key in entries and entries[key].offered]
        key = self.one_of(sorted(offered or each.rows))
        return self.settled and key is not None and self.world.resolve(each, key, live=live)

    # -- runs ---------------------------------------------------------------------------

    def update(self) -> None:
        """An update; a second one right after it writes nothing."""
        twice = self.one_of([True, False])
        self.settled, self.moved_away = True, False
        self.world.update(surveyed=not twice)
        note(f"update: {self.model.tables}")
        if twice:
            before = self.world.footprint()
            outcomes = self.world.run()
            assert self.world.footprint() == before, "the second update writes something"
            for outcome in outcomes:
                assert set(outcome.counts) <= {"keep", "skip", "conflicts"}

    # -- how ----------------------------------------------------------------------------

    def one_of(self, choices):
        """Any of the choices; None if there are none."""
        choices = tuple(choices)
        return self.random.choice(choices) if choices else None

    def referring(self, each: Set) -> Iterator[tuple[Set, Column]]:
        for other in self.sets:
            for column in other.references:
                if column.refers_to == each.name:
                    yield other, column

    def is_naming(self, column: Column) -> bool:
        return any(column is each.column(each.naming) for each in self.sets)

    def in_key(self, column: Column) -> bool:
        return any(column in each.columns and column.name in each.key for each in self.sets)
