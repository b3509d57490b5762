"""The machinery of a seeding, opened for a few rows: nothing else is written or recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace
from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging import diff
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.rule_numbers import number
from seeder.database.schema.tables import read_tables
from seeder.database.staging import references, schema_check
from seeder.database.staging.context import WRITTEN, Orders, Seeding
from seeder.database.staging.prepare import prepare
from seeder.database.staging.registry import unregister
from seeder.database.staging.work import SetWork
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import Catalog, Mode
from seeder.merge.plan import RowAction, RowChange, SetDecision
from seeder.merge.rules import COLUMN_RULES, ROW_RULES


def open_few(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    names: Iterable[str],
    *,
    run: int,
) -> tuple[Seeding, list[tuple[str, ...]]]:
    """Stage the named sets and those they refer to; all of them count as merged.

    What the ledger says of whole sets stays as it was: the catalog's other changes are as
    pending as before, moves included. Returns the groups in the order of references.
    """
    names = set(names)
    seeding = Seeding(
        connection=connection,
        ledger=ledger,
        catalog=_with_references(connection, catalog, names),
        orders=Orders(
            mode=Mode.UPDATE, allow_missing=frozenset(s.name for s in catalog.sets), few=True
        ),
        run=run,
    )
    groups = prepare(seeding)
    for name in names:
        decision, reason = seeding.decisions[name]
        if decision is SetDecision.PENDING:
            raise ConfigurationInvalid(f"The set {name} is left as it is: {reason}.", set=name)
    for name, work in seeding.works.items():
        if work.decision in WRITTEN:
            unregister(seeding, work)
        seeding.works[name] = replace(work, decision=SetDecision.MERGE)
        diff.create(connection, work)
    return seeding, groups


def _with_references(connection: Connection, catalog: Catalog, names: set[str]) -> Catalog:
    tables = read_tables(connection, schema_check.tables_of(catalog.sets))
    by_name = {each.name: each for each in catalog.sets}
    edges = schema_check.needs(catalog.sets, tables)
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in wanted:
            continue
        wanted.add(name)
        each = by_name[name]
        waiting += edges[name]
        # Sets that share the table answer for their own rows.
        waiting += [other.name for other in catalog.sets if other.table == each.table]
    return replace(catalog, sets=tuple(each for each in catalog.sets if each.name in wanted))


def recorded_key(seeding: Seeding, name: str, key: str) -> str:
    """The key under which a row of the catalog is staged: the ledger's, where it has moved."""
    return key if seeding.keys is None else seeding.keys.key(name, key)


def find_few(seeding: Seeding, work: SetWork, keys: Sequence[str]) -> None:
    """Fill the diff with the rows of these keys, as far as they could need anything."""
    diff.find_differences(seeding.connection, work)
    seeding.connection.execute(
        work.compose(
            "DELETE FROM {diff} d USING {stage} s WHERE {row} = d.s AND s.addr <> ALL ({}::text[])",
            sql.Literal(list(keys)),
        )
    )


def resolve_group(seeding: Seeding, group: Sequence[str], settled: frozenset[str]) -> list[SetWork]:
    """Resolve the references of a group's sets; `settled` sets are through already."""
    works = [seeding.works[name] for name in group if name in seeding.works]
    for work in works:
        references.resolve(seeding.connection, work, seeding.works, settled)
    return works


def resolve_groups(seeding: Seeding, groups: Iterable[Sequence[str]]) -> None:
    """Resolve the references of all groups, one after the other."""
    settled: set[str] = set()
    for group in groups:
        resolve_group(seeding, group, frozenset(settled))
        settled.update(group)


def row_rule(name: str) -> sql.Composable:
    """The number of the row rule with this name."""
    return number(ROW_RULES, name)


def column_rule(name: str) -> sql.Composable:
    """The number of the column rule with this name."""
    return number(COLUMN_RULES, name)


def become(work: SetWork, verdict: str, **parts: sql.Composable) -> sql.Composed:
    """For an UPDATE of verdicts: what becomes of that on each column, `{v}` in the template."""
    return sql.SQL(", ").join(
        sql.SQL("{v} = " + verdict).format(v=sql.Identifier(f"v{n}"), **parts)
        for n in range(1, len(work.names) + 1)
    )


def kept(address: str, reason: str, *, rule: str = "") -> RowChange:
    """A row to which nothing was done, and why."""
    return RowChange(
        address=address, action=RowAction.KEEP, rule=rule, reason=reason, conflict=True
    )


def clear_stages(connection: Connection) -> None:
    """Drop the temporary tables of one pass, so that another may follow in the transaction."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema()"
        " AND relkind = 'r' AND relname LIKE 'seeder\\_%'::text"
    ).fetchall()
    for (name,) in rows:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("pg_temp", name)))
