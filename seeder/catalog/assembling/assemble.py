"""Drafts into a `SeedSet`: defaults, scope, references, expansion, keys and shapes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from msgspec import structs

from seeder.catalog.assembling.assembled import Assembled, CsvIndex, Others, reference_cell
from seeder.catalog.assembling.expand import Matches, NoMatch, expand
from seeder.catalog.assembling.expanded import ExpandedRows, Family, FamilyIndex
from seeder.catalog.declaring.columns import ColumnRule
from seeder.catalog.declaring.declaration import Declaration
from seeder.catalog.declaring.former import DeclaredFormer
from seeder.catalog.declaring.made import is_found, is_function, make
from seeder.catalog.declaring.strategies import misfits
from seeder.catalog.declaring.values import Values, key_text
from seeder.catalog.formats.nodes import Node
from seeder.catalog.formats.problems import FileProblems, Spot
from seeder.catalog.rows.csv_rows import CHECKED_SIZE, CsvRows, CsvTable
from seeder.catalog.rows.drafts import Draft
from seeder.catalog.rows.generated import GeneratedColumns
from seeder.merge.model import (
    Cell,
    Former,
    Generator,
    ListedRows,
    Nulls,
    Policies,
    RowSource,
    SeedColumn,
    SeedSet,
    SetReference,
    Update,
)
from seeder.merge.secrecy import update_of

ENTRIES = 1_640
"""Of the 1,664 that a row may have on its way through a query, what is left for the columns."""
ENTRIES_OF_A_COLUMN = 4
"""What was asked for, what is desired, what is live, and the verdict."""

Place: TypeAlias = tuple[str | None, int | None]
"""A file and a line of it, as far as they are known."""


class Assembler(FileProblems):
    """Turns the drafts of one declaration into its seed set."""

    def __init__(
        self,
        declaration: Declaration,
        *,
        others: Others,
        values: Values,
        active: bool,
    ) -> None:
        super().__init__(declaration.file, values.problems)
        self._limit = values.project.expand_limit
        self._matched: dict[tuple[str, str], Matches] = {}
        self._declaration = declaration
        self._others = others
        self._values = values
        self._active = active
        self._key = declaration.row_key_columns
        self._rules = tuple(r for r in declaration.columns.values() if r.reference is not None)
        self._scope = self._scope_of(declaration.scope)
        self._generated = GeneratedColumns(declaration, values.problems)
        self._defaults = self._constants(declaration.defaults)

    def from_drafts(self, drafts: Sequence[Draft]) -> Assembled:
        """Rows held in memory."""
        families = []
        order = dict.fromkeys([*self._key, *self._scope])
        made = 0
        for draft in drafts:
            family = self._family(draft)
            if family is None:
                continue
            made += len(family)
            if family.choices and made > self._limit:
                self._too_many(family, made)
                break
            order.update(dict.fromkeys(family.cells))
            families.append(family)
        columns = tuple(order)
        self._generated.check([family.cells for family in families])
        self._check_documents(families)
        shapes: dict[frozenset[str], int] = {}
        for family in families:
            self._check_together(family.cells, file=family.draft.file, at=family.draft.at())
            shapes.setdefault(frozenset(family.cells), len(shapes))
        rows = ExpandedRows(
            families=families,
            columns=columns,
            key=self._key,
            shapes=shapes,
            file=self._declaration.file,
        )
        index: Mapping[str, Draft]
        index = by_family = FamilyIndex(rows, self._declaration.expanded)
        for each in by_family.repeated():
            self._twice(each.key, each.again, each.first)
        uniform = not shapes or list(shapes) == [frozenset(columns)]
        self._check_rules(columns, anything=bool(families))
        source: RowSource = rows
        if not any(family.choices for family in families):
            source = listed = ListedRows(tuple(rows))
            drafts_by_key = zip(listed.rows, families, strict=True)
            index = {row.key: family.draft for row, family in drafts_by_key}
        seed_set = self._seed_set(
            columns,
            source,
            () if uniform else shapes,
            written=lambda column: _first_draft(column, drafts),
        )
        return Assembled(declaration=self._declaration, seed_set=seed_set, index=index)

    def _check_documents(self, families: Iterable[Family]) -> None:
        merged = {
            name: rule.merge
            for name, rule in self._declaration.columns.items()
            if rule.merge is not None
        }
        for family in families if merged else ():
            for name, strategy in merged.items():
                for message, remedy in misfits(family.cells.get(name), strategy):
                    family.draft.bad(self.problems, f"`{name}`: {message}", remedy, column=name)

    def _too_many(self, family: Family, made: int) -> None:
        family.draft.bad(
            self.problems,
            f"`expand` makes {len(family):,} rows here, {made:,} in this set up to here,"
            f" and may make {self._limit:,}",
            "Match less, or raise `expand_limit` under [seeds] in seeder.toml.",
            column=next(iter(family.choices)),
        )

    def from_csv(self, table: CsvTable, *, check: bool) -> Assembled:
        """Rows that stay in their file; `check` reads a large one as well."""
        header = table.header
        for column in self._scope:
            if column in header:
                self._bad(f"`scope` fixes `{column}`, and {table.file} gives it as well")
        defaults = {name: cell for name, cell in self._defaults.items() if name not in header}
        filled = self._generated.parted(defaults, Draft({}, self._declaration.file))
        constants = {**filled, **self._scope}
        columns = tuple(dict.fromkeys([*self._key, *self._scope, *header, *filled]))
        missing = [name for name in self._key if name not in header and name not in constants]
        for name in missing:
            self.problems.add(
                f"the header has no key column `{name}`",
                remedy=_other_separator(header) or self.problems.suggest(name, header),
                file=table.file,
                at=None,
            )
        rows = CsvRows(
            table=table,
            columns=columns,
            key=self._key,
            constants=tuple(constants.items()),
            nullable=frozenset(filter(self._declaration.may_be_null, self._key)),
            references=frozenset(rule.name for rule in self._rules if rule.name in header),
            copyable=self._declaration.nulls is Nulls.DISTINCT
            and self._declaration.secrets.isdisjoint(columns),
        )
        self._check_rules(columns, anything=True)
        self._check_together(columns, file=table.file, at=None)
        index: Mapping[str, Draft] = {}
        unread = bool(missing) or not (check or table.traits.size <= CHECKED_SIZE)
        if not unread and not check and rows.is_faultless():
            index = CsvIndex(table.file, rows.known_lines)
            rows = structs.replace(rows, unique=True)
        elif not unread:
            lines, repeated, fault = rows.lines()
            index = CsvIndex(table.file, lambda: lines)
            for key, line in repeated:
                again, earlier = (Draft({}, table.file, each) for each in (line, lines[key]))
                self._twice(key, again, earlier)
            if fault is not None:
                self.problems.add(fault.message, remedy=fault.remedy, file=table.file, at=fault.at)
                unread = True
            rows = structs.replace(rows, unique=not repeated and fault is None)
        seed_set = self._seed_set(columns, rows, (), written=lambda _: (table.file, 1))
        return Assembled(
            declaration=self._declaration,
            seed_set=seed_set,
            index=index,
            unread=unread,
        )

    def _scope_of(self, nodes: Mapping[str, Node]) -> dict[str, Cell]:
        return {
            column: cell
            for column, cell in self._constants(nodes).items()
            if not isinstance(cell, Generator)  # reported with the declaration
        }

    def _constants(self, nodes: Mapping[str, Node]) -> dict[str, Cell | Generator]:
        file = self._declaration.file
        constants: dict[str, Cell | Generator] = {}
        for column in sorted(nodes):
            node, rule = nodes[column], self._declaration.rule(column)
            cell = self._values.asked(
                node,
                file=file,
                secret=column in self._declaration.secrets,
                active=self._active,
            )
            if isinstance(cell, Generator):
                pass
            elif rule is not None and rule.reference is not None and not rule.expand:
                try:
                    cell = reference_cell(cell, rule, self._others.widths)
                except NoMatch as error:
                    self.bad(node, error.message, error.remedy)
            constants[column] = cell
        return constants

    def _family(self, draft: Draft) -> Family | None:
        """What one draft stands for; None where it cannot be told, which is reported."""
        asked = {**self._defaults, **draft.cells, **self._scope}
        cells = self._generated.parted(asked, draft)
        if self._scope:
            for column in self._scope:
                if column in draft.cells:
                    remedy = "Leave it out of the row."
                    message = f"`{column}` is fixed by `scope`"
                    draft.bad(self.problems, message, remedy, column=column)
        choices: dict[str, Matches] = {}
        for rule in self._rules:
            if rule.name not in draft.cells and rule.name in cells and not rule.expand:
                continue  # a default or scope, already worked out
            if rule.name not in cells:
                continue
            try:
                if rule.expand:
                    choices[rule.name] = self._matches(cells[rule.name], rule)
                    cells[rule.name] = None
                else:
                    cells[rule.name] = reference_cell(cells[rule.name], rule, self._others.widths)
            except NoMatch as error:
                told = error.message, error.remedy
                if rule.name in self._declaration.secrets or draft.from_env(rule.name):
                    told = "does not refer to any row", None
                draft.bad(self.problems, *told, column=rule.name)
                return None
        key = self._key_texts(cells, draft, choices)
        if key is None:
            return None
        return Family(draft=draft, cells=cells, choices=choices, key=key)

    def _matches(self, written: Cell, rule: ColumnRule) -> Matches:
        target = rule.reference.set if isinstance(rule.reference, SetReference) else ""
        keys = self._others.keys.get(target)
        if keys is None:
            return Matches((), frozenset())  # the reference itself is reported elsewhere
        pattern = (target, repr(written))
        if pattern not in self._matched:
            self._matched[pattern] = expand(written, keys, of=target, problems=self.problems)
        return self._matched[pattern]

    def _key_texts(
        self, cells: Mapping[str, Cell], draft: Draft, choices: Collection[str]
    ) -> tuple[str | None, ...] | None:
        texts: list[str | None] = []
        for column in self._key:
            cell = "" if column in choices else cells.get(column)
            text = cell if isinstance(cell, str) else key_text(cell)
            null = cell is None and column in cells and not draft.from_env(column)
            if text is None and not (null and self._declaration.may_be_null(column)):
                if column in self._generated.found:
                    return None  # reported already
                if not self._active and cell is None and column in cells:
                    return None  # stands for `!env`
                self._no_key(column, column in cells, cell, draft)
                return None
            texts.append(text)
        return tuple(texts)

    def _no_key(self, column: str, given: bool, cell: Cell, draft: Draft) -> None:
        if draft.from_env(column) and cell is None:
            return  # the unset variable is reported already
        if not given:
            message = f"the row does not give the key column `{column}`"
            remedy = self.problems.suggest(column, list(draft.cells))
        elif cell is None:
            message = f"the key column `{column}` is NULL"
            remedy = "Give a value, or fix NULL for all rows with `scope`."
            rule = self._declaration.rule(column)
            if rule is None or rule.reference is None:
                remedy = f"{remedy[:-1]}, or write `nulls: equal`."
        else:
            message = f"the key column `{column}` holds a list or mapping"
            remedy = "A key is a single value."
        draft.bad(self.problems, message, remedy, column=column)

    def _twice(self, key: str, draft: Draft, first: Draft) -> None:
        address = f"{self._declaration.name}/{key}"
        if draft is first:
            message = f"the row `{address}` is asked for twice here"
        else:
            message = f"the row `{address}` is already given at {first.file}:{first.line}"
        draft.bad(self.problems, message, "Remove one of the two.", address=address)

    def _check_rules(self, columns: Sequence[str], *, anything: bool) -> None:
        if not anything or self._declaration.computed:
            return  # a seeder may yield a column only now and then
        for rule in self._declaration.columns.values():
            if rule.name not in columns and rule.name not in self._generated.found:
                if rule.secret and rule.made_by is None:
                    continue  # the schema tells whether there is such a column
                remedy = self.problems.suggest(
                    rule.name, columns, otherwise="Remove the rule, or give the column a value."
                )
                self.bad(rule.at, f"no row gives the column `{rule.name}`", remedy)

    def _check_together(self, given: Collection[str], *, file: str, at: Spot | None) -> None:
        for names in self._declaration.together:
            there = [name for name in names if name in given]
            if there and len(there) < len(names):
                lacking = next(name for name in names if name not in given)
                self.problems.add(
                    f"`{there[0]}` is given without `{lacking}`, and they are decided together",
                    remedy="Give all columns of the group, or none.",
                    file=file,
                    at=at,
                )

    def _seed_set(
        self,
        columns: Sequence[str],
        rows: RowSource,
        shapes: Sequence[frozenset[str]] | dict[frozenset[str], int],
        *,
        written: Callable[[str], Place],
    ) -> SeedSet:
        declared = self._declaration
        removed_values = self._constants(declared.removed_values)
        self._check_width(columns)
        for column in removed_values:
            if column in declared.key:
                self._bad(f"`removed` cannot change the key column `{column}`")
        return SeedSet(
            **{name: getattr(declared, name) for name in Policies.__struct_fields__},
            key=self._key,
            columns=tuple([self._column(name, written) for name in columns]),
            rows=rows,
            shapes=tuple(shapes),
            generated=tuple(
                replace(self._column(name, written), generator=generator)
                for name, generator in self._generated.found.items()
            ),
            withheld=tuple(
                self._column(name, written)
                for name, rule in declared.columns.items()
                if rule.secret and name not in columns and name not in self._generated.found
            ),
            scope=tuple(self._scope.items()),
            removed_values=tuple(removed_values.items()),
            was=tuple([self._former(each) for each in declared.was]),
        )

    def _check_width(self, columns: Sequence[str]) -> None:
        rules = [rule for rule in map(self._declaration.rule, columns) if rule is not None]
        entries = ENTRIES_OF_A_COLUMN * len(columns)
        entries += sum(2 * (rule.reference is not None) for rule in rules)
        entries += sum(4 * (rule.merge is not None) for rule in rules)
        if entries > ENTRIES:
            self._bad(
                f"the rows give {len(columns):,} columns; an update compares"
                f" {ENTRIES // ENTRIES_OF_A_COLUMN} at most, fewer where they refer to rows or"
                " are merged inside"
            )

    def _former(self, declared: DeclaredFormer) -> Former:
        scope = None if declared.scope is None else self._scope_of(declared.scope)
        fixed = self._scope if scope is None else scope
        key = declared.key or self._declaration.key
        return Former(
            table=declared.table,
            key=tuple([name for name in key if name not in fixed]),
            scope=None if scope is None else tuple(scope.items()),
        )

    def _column(self, name: str, written: Callable[[str], Place]) -> SeedColumn:
        declared = self._declaration
        rule = declared.rule(name)
        constant = declared.scope.get(name) or declared.defaults.get(name)
        spot = rule.at if rule is not None else constant
        file, line = (declared.file, spot.line) if spot is not None else written(name)
        secret = name in declared.secrets
        return SeedColumn(
            name=name,
            reference=rule.reference if rule else None,
            update=update_of(rule.update if rule else Update.MERGE, secret=secret),
            secret=secret,
            was=rule.was if rule else (),
            make=self._maker(rule, rule.made_by) if rule and rule.made_by is not None else None,
            merge=rule.merge if rule else None,
            file=file,
            line=line,
        )

    def _maker(self, rule: ColumnRule, function: str) -> Callable[[Cell], Cell]:
        file, root = self._declaration.file, self._values.project.root
        if self._active and is_function(function) and not is_found(function, root):
            remedy = "Modules of the project and of the job's environment can be imported."
            self.bad(rule.at, f"there is no module `{function.partition(':')[0]}`", remedy)
        return functools.partial(make, function, rule.name, file, root)

    def _bad(self, message: str) -> None:
        self.bad(self._declaration.at, message)


def _other_separator(header: Sequence[str]) -> str | None:
    """What to do about a header that is one column as long as only commas separate."""
    other = next((each for each in (";", "\t", "|") if any(each in name for name in header)), None)
    named = {";": "`;`", "\t": "tabs", "|": "`|`"}
    return None if other is None else f"Separate columns by commas, not by {named[other]}."


def _first_draft(column: str, drafts: Sequence[Draft]) -> Place:
    """Where the first row stands that gives the column."""
    for draft in drafts:
        if column in draft.cells:
            return draft.file, draft.at(column).line
    return None, None
