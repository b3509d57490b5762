"""What can only be checked across sets: references, and the same row in two of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from seeder.catalog.assembling.assembled import Assembled
from seeder.catalog.assembling.expanded import ExpandedRows, FamilyIndex
from seeder.catalog.declaring.columns import ColumnRule
from seeder.catalog.formats.files import Unreadable
from seeder.catalog.formats.problems import Problems
from seeder.catalog.rows.csv_rows import CsvRows
from seeder.catalog.rows.drafts import Draft
from seeder.merge.model import SeedSet, SetReference, TableReference
from seeder.merge.secrecy import exposed


def check_names(sets: Sequence[Assembled], problems: Problems) -> None:
    """Every set has a name of its own."""
    first: dict[str, Assembled] = {}
    for each in sets:
        name = each.seed_set.name
        other = first.setdefault(name, each)
        if other is not each:
            problems.add(
                f"the set name `{name}` is taken by {other.seed_set.file}",
                remedy="Rename the file, or for @rows give another `name`.",
                file=each.seed_set.file,
                at=each.declaration.at,
            )


def check_references(
    active: Sequence[Assembled],
    *,
    inactive: Collection[str],
    unread: Collection[str],
    environment: str,
    problems: Problems,
) -> None:
    """Every reference to a set leads to one of its rows.

    `unread` are sets whose files could not be read, which was reported where they are.
    """
    by_name = {each.seed_set.name: each for each in active}
    for each in active:
        for rule in each.declaration.columns.values():
            if not isinstance(rule.reference, SetReference):
                continue
            target = rule.reference.set
            if target in by_name:
                _check_column(each, rule, by_name[target], problems)
                continue
            if target in unread:
                continue
            if target in inactive:
                message = f"the set `{target}` is not part of environment {environment}"
                remedy: str | None = "Give both sets the same `environments:`."
            else:
                message = f"there is no set `{target}`"
                remedy = problems.suggest(
                    target,
                    [*by_name, *inactive],
                    otherwise="For a table without a set write {ref: {table: TABLE, key: COLUMN}}.",
                )
            problems.add(message, remedy=remedy, file=each.seed_set.file, at=rule.at)


def _check_column(each: Assembled, rule: ColumnRule, target: Assembled, problems: Problems) -> None:
    seed_set = each.seed_set
    names = [column.name for column in seed_set.columns]
    if rule.expand or rule.name not in names or target.unread:
        return  # expansion yields rows of the target only
    position = names.index(rule.name)
    fixed = rule.name in each.declaration.scope
    rows = seed_set.rows
    if isinstance(rows, CsvRows) and not fixed and not _lacking(rows, rule.name, target):
        return
    for row in rows.samples() if isinstance(rows, ExpandedRows) else rows:
        key = row.values[position]
        if not isinstance(key, str) or key in target.index:
            continue
        draft = each.index.get(row.key) or Draft({}, row.file or seed_set.file, row.line)
        _dangling(seed_set, rule, key, target, draft, row.key, problems)
        if fixed:
            return


def _lacking(rows: CsvRows, column: str, target: Assembled) -> bool:
    """Whether rows may refer to one that is not there; other faults of the file, others tell."""
    if column not in rows.references:
        return True  # a default
    try:
        return not rows.distinct(column) <= target.index.keys()
    except (Unreadable, OSError):
        return False


def _dangling(
    seed_set: SeedSet,
    rule: ColumnRule,
    key: str,
    target: Assembled,
    draft: Draft,
    row: str,
    problems: Problems,
) -> None:
    name = target.seed_set.name
    hide = rule.name in seed_set.secrets or draft.from_env(rule.name)
    draft.bad(
        problems,
        f"`{rule.name}` refers to a row that set `{name}` does not have"
        if hide
        else f"`{rule.name}` refers to `{name}/{key}`, which is not in the catalog",
        None if hide else problems.suggest(key, target.index),
        column=rule.name,
        address=seed_set.address(row),
    )


def check_identity(active: Sequence[Assembled], problems: Problems) -> None:
    """No row is asked for by two sets, and sets of one table agree on its key."""
    groups: dict[tuple[str, str], list[Assembled]] = {}
    for each in active:
        seed_set = each.seed_set
        groups.setdefault((str(seed_set.table), repr(seed_set.scope)), []).append(each)
    for group in groups.values():
        first = group[0]
        seen: dict[str, tuple[Assembled, Draft]] = {}
        expanded: list[Assembled] = []
        for each in group if len(group) > 1 else ():
            if each.seed_set.key != first.seed_set.key:
                problems.add(
                    f"identifies rows of {each.seed_set.table} by "
                    f"{', '.join(each.seed_set.key)}, and {first.seed_set.file} by "
                    f"{', '.join(first.seed_set.key)}",
                    remedy="Sets of one table and scope share one `key`.",
                    file=each.seed_set.file,
                    at=each.declaration.at,
                )
                continue
            if isinstance(each.index, FamilyIndex):
                expanded.append(each)
                continue
            for key, draft in each.index.items():
                other, place = seen.setdefault(key, (each, draft))
                if other is not each:
                    _given_twice(key, (each, draft), (other, place), problems)
        for number, each in enumerate(expanded):
            for key, listed in seen.items():
                if key in each.index:
                    _given_twice(key, (each, each.index[key]), listed, problems)
            for before in expanded[:number]:
                shorter, longer = sorted((each.index, before.index), key=len)
                shared = next((key for key in shorter if key in longer), None)
                if shared is not None:
                    again, earlier = each.index[shared], before.index[shared]
                    _given_twice(shared, (each, again), (before, earlier), problems)


def _given_twice(
    key: str,
    again: tuple[Assembled, Draft],
    first: tuple[Assembled, Draft],
    problems: Problems,
) -> None:
    (each, draft), (other, place) = again, first
    address = each.seed_set.address(key)
    draft.bad(
        problems,
        f"the row `{address}` is already given as "
        f"`{other.seed_set.address(key)}` at {place.file}:{place.line}",
        "Remove one of the two.",
        address=address,
    )


def check_secrets(sets: Sequence[Assembled], problems: Problems) -> None:
    """What a set on the table says is secret is nowhere that its value is shown."""
    for each in sets:
        for column, why in exposed(each.seed_set):
            rule = each.declaration.rule(column)
            problems.add(
                f"`{column}` {why}, and secret",
                remedy="Identify, scope and mark rows by columns that anybody may see; no set on"
                f" {each.seed_set.table} may then declare them secret.",
                file=each.seed_set.file,
                at=each.declaration.at if rule is None else rule.at,
            )


def needs(sets: Sequence[SeedSet]) -> Mapping[str, frozenset[str]]:
    """The names of the sets that each set refers to."""
    owners: dict[str, set[str]] = {}
    for each in sets:
        owners.setdefault(str(each.table), set()).add(each.name)
    edges = {}
    for each in sets:
        needed: set[str] = set()
        for column in each.columns:
            if isinstance(column.reference, SetReference):
                needed.add(column.reference.set)
            elif isinstance(column.reference, TableReference):
                needed |= owners.get(str(column.reference.table), set())
        edges[each.name] = frozenset(needed)
    return edges
