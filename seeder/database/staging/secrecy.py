"""What is secret on a table, by all that the ledger and the catalog say; and out it goes.

A column is secret as soon as one set on its table says so, of this project or of another one in
the same ledger, and stays it when the set or its declaration is gone: the ledger remembers. What
it kept of the column before is removed in the run that first hears of it.
"""

from __future__ import annotations

import re

from msgspec.structs import replace
from psycopg import sql
from psycopg.types.json import Jsonb

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.ledger.bases.bases import BaseColumn, document
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.staging.context import Known, Seeding
from seeder.errors import Problem
from seeder.merge.model import TableName
from seeder.merge.secrecy import renamed_too, with_secrets


def declare(seeding: Seeding) -> None:
    """Tell every set of the catalog what is secret on its table; tables and ledger are read."""
    secrets: dict[TableName, set[str]] = {}
    names: dict[TableName, set[tuple[str, str]]] = {}
    for known in (*seeding.known, *seeding.elsewhere):
        secrets.setdefault(known.table, set()).update(known.secrets)
    catalog = seeding.catalog
    for each in (*catalog.sets, *catalog.inactive):
        table = seeding.tables.get(each.table)
        if table is not None:
            secrets.setdefault(table.qualified, set()).update(each.secrets)
            names.setdefault(table.qualified, set()).update(
                (column.name, was) for column in each.columns for was in column.was
            )
    seeding.secrets = {
        table: renamed_too(found, names.get(table, ())) for table, found in secrets.items() if found
    }
    if not seeding.secrets:
        return
    seeding.catalog = replace(
        catalog,
        **{
            part: tuple(
                with_secrets(each, seeding.secrets.get(table.qualified, each.secrets))
                if (table := seeding.tables.get(each.table)) is not None
                else each
                for each in sets
            )
            for part, sets in (("sets", catalog.sets), ("inactive", catalog.inactive))
        },
    )


def problems(seeding: Seeding) -> list[Problem]:
    """Columns that have become secret and by whose values the ledger tells rows apart."""
    return [
        Problem(
            message=f"`{name}` of {known.table} cannot be secret: the ledger identifies the rows"
            f" of set {known.name} by it.",
            remedy="Keep secrets in a column that identifies no row.",
        )
        for known, name in dict.fromkeys(
            (known, name)
            for known in (*seeding.known, *seeding.elsewhere)
            for name in sorted(seeding.secrets.get(known.table, ()))
            if name in known.key or re.search(rf"(^|, ){re.escape(name)}='", known.scope)
        )
    ]


def conceal(seeding: Seeding) -> None:
    """Take out of the ledger what it kept of columns that have become secret."""
    found: dict[int, Known] = {}
    for known in (*seeding.known, *seeding.elsewhere):
        if seeding.secrets.get(known.table, frozenset()) - known.secrets:
            found[known.base] = known
    for number, known in found.items():
        secrets = seeding.secrets[known.table]
        _conceal(seeding.connection, seeding.ledger, number, secrets, secrets - known.secrets)
    if found:
        # They may show values, or be hashes of such; the end of this run stores others.
        seeding.connection.execute(
            seeding.ledger.sql(
                "WITH told AS (SELECT b.project FROM {s}.bases b WHERE b.id = ANY (%s)),"
                " gone AS (DELETE FROM {s}.pending_plan WHERE project IN (TABLE told)),"
                " hashed AS (DELETE FROM {s}.applied_lines a USING {s}.sets s"
                " WHERE s.id = a.set_id AND s.base = ANY (%s))"
                " UPDATE {s}.projects SET live_values = '{{}}' WHERE id IN (TABLE told)"
            ),
            [list(found), list(found)],
        )


def _conceal(
    connection: Connection,
    ledger: Ledger,
    number: int,
    secrets: frozenset[str],
    new: frozenset[str],
) -> None:
    base = sql.Identifier(ledger.schema, f"base_{number}")
    ((listed,),) = connection.execute(
        ledger.sql("SELECT columns FROM {s}.bases WHERE id = %s"), [number]
    ).fetchall()
    columns = [BaseColumn(**each) for each in listed]
    for column in columns:
        if column.name in secrets:
            connection.execute(
                sql.SQL("ALTER TABLE {} DROP COLUMN {}, DROP COLUMN IF EXISTS {}").format(
                    base, column.asked, column.symbol
                )
            )
    names = {"names": sql.SQL("{}::text[]").format(Named(sorted(new)))}
    connection.execute(
        sql.SQL(
            "UPDATE {base} SET notes = (SELECT pg_catalog.jsonb_object_agg(part.key,"
            " CASE WHEN pg_catalog.jsonb_typeof(part.value) IN ('array', 'object')"
            " THEN part.value - {names} ELSE part.value END)"
            " FROM pg_catalog.jsonb_each(notes) part)"
            " WHERE EXISTS (SELECT FROM pg_catalog.jsonb_each(notes) part"
            " WHERE part.value ?| {names})"
        ).format(base=base, **names)
    )
    connection.execute(
        ledger.sql(
            "UPDATE {s}.changes SET before = before - {names}, after = after - {names},"
            " merged = merged - {names}"
            " WHERE base = {id} AND (before ?| {names} OR after ?| {names})",
            id=sql.Literal(number),
            **names,
        )
    )
    kept = {column.name: column for column in columns if column.name not in secrets}
    connection.execute(
        ledger.sql("UPDATE {s}.bases SET secrets = %s, columns = %s WHERE id = %s"),
        [sorted(secrets), Jsonb(document(kept)), number],
    )
