"""The ledger's list of sets: which it knows, by what numbers, and what they were seeded as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from psycopg import sql
from psycopg.types.json import Jsonb

from seeder.database.ledger.runs.digests import FIRST_ROWS, digest_of
from seeder.database.schema.tables import read_tables
from seeder.database.staging import waiting
from seeder.database.staging.context import WRITTEN, Known, Seeding, set_named
from seeder.database.staging.renamed import todays_names
from seeder.database.staging.work import SetWork, has_scope, scope_text
from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.model import SeedSet, TableName, Update
from seeder.merge.plan import SetDecision


def read_known(seeding: Seeding) -> None:
    """All sets that the ledger knows, of this project and of others; none without a ledger."""
    if not seeding.ledger.exists(seeding.connection):
        return
    rows = seeding.connection.execute(
        seeding.ledger.sql(
            "SELECT s.id, b.table_schema, b.table_name, b.key, s.scope, s.name, s.digest, b.id,"
            " EXISTS (SELECT FROM {s}.waiting w WHERE w.base = b.id AND w.scope = s.scope"
            " AND w.set_name = s.name), b.secrets, b.columns, s.columns, b.project = {p},"
            " EXISTS (SELECT FROM {s}.applied_lines a WHERE a.set_id = s.id)"
            " FROM {s}.sets s JOIN {s}.bases b ON b.id = s.base ORDER BY s.id"
        )
    ).fetchall()
    seeding.known = tuple(_known(row) for row in rows if row[12])
    seeding.elsewhere = tuple(_known(row) for row in rows if not row[12])


def _known(row: tuple[Any, ...]) -> Known:
    return Known(
        id=row[0],
        table=TableName(schema=row[1], name=row[2]),
        key=tuple(row[3]),
        scope=row[4],
        name=row[5],
        digest=row[6],
        base=row[7],
        waits=row[8],
        secrets=frozenset(row[9]),
        columns=tuple(column["name"] for column in row[10]),
        given=tuple(row[11]),
        lined=row[13],
    )


def same_place(seeding: Seeding, each: SeedSet) -> list[Known]:
    """What the ledger knows of the set's table, key and scope, by whatever name."""
    table = seeding.tables.get(each.table)
    if table is None or not has_scope(each, table):
        return []
    scope, qualified = scope_text(each, table), table.qualified
    place = (qualified, each.key, scope)
    return [k for k in seeding.known if (k.table, k.key, k.scope) == place]


def require_same_schema(seeding: Seeding, sets: Sequence[SeedSet]) -> None:
    """Raise ConfigurationInvalid where a bare name leads to another table than it did.

    Only where the table that was seeded is still there: one that moved is a matter of the set.
    """
    elsewhere = {
        (known.name, known.table): each
        for each in sets
        if each.table.schema is None
        and (table := seeding.tables.get(each.table)) is not None
        and not same_place(seeding, each)
        for known in seeding.known
        if (known.name, known.table.name) == (each.name, table.name)
        and known.table.schema != table.schema
    }
    standing = read_tables(seeding.connection, {table for _, table in elsewhere})
    problems = tuple(
        Problem(
            message=f"Set {each.name}: it was seeded in {former}, and `{each.table}` leads to"
            f" {seeding.tables[each.table]} now",
            remedy="Give the role or the URL its search_path back, or write the schema:"
            f" `table: {former}`.",
            file=each.file,
        )
        for (_, former), each in elsewhere.items()
        if former in standing
    )
    if problems:
        raise ConfigurationInvalid(
            "The search_path of this session leads to other tables than those that were seeded.",
            problems=problems,
            code="search-path-changed",
        )


def number(seeding: Seeding) -> None:
    """Say of every set which sets of the ledger it answers for, and which are beside it."""
    works = seeding.works
    registered = _register(seeding, [w for w in works.values() if w.decision in WRITTEN])
    catalog = {each.name for each in (*seeding.catalog.sets, *seeding.catalog.inactive)}
    told = waiting.told(seeding) if any(known.waits for known in seeding.known) else {}
    beside: dict[tuple[int, str], list[SetWork]] = {}
    for work in works.values():
        beside.setdefault((id(work.base), work.scope), []).append(work)
    for name, work in works.items():
        siblings = [each for each in beside[id(work.base), work.scope] if each is not work]
        place = same_place(seeding, work.seed_set)
        number = registered.get(name) or next((k.id for k in place if k.name == name), 0)
        # What a set that has left the catalog leaves behind is taken over by the one set that
        # has its place: its file was renamed. Between several, nobody can tell.
        orphans = [known.id for known in place if known.name not in catalog]
        own = [number, *([] if siblings else orphans)]
        works[name] = replace(
            work,
            siblings=tuple(each.stage for each in siblings),
            set_id=number,
            own_ids=tuple(each for each in own if each),
            told=told.get((work.base.id, work.scope), {}),
        )


def warn_of_leftovers(seeding: Seeding) -> None:
    """Name the sets whose files or scopes are gone and whose rows nobody has taken over."""
    catalog = {each.name: each for each in (*seeding.catalog.sets, *seeding.catalog.inactive)}
    answered = {number for work in seeding.works.values() for number in work.own_ids}
    for known in seeding.known:
        now = catalog.get(known.name)
        if known.id in answered or (now is not None and not _in_other_scope(seeding, now, known)):
            continue
        row = seeding.connection.execute(
            seeding.ledger.sql(
                "SELECT EXISTS (SELECT FROM {s}.{base} WHERE seed_set = %s AND state = {active})"
                " AND pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', %s::text, %s::text))"
                " IS NOT NULL",
                base=sql.Identifier(f"base_{known.base}"),
            ),
            [known.id, known.table.schema, known.table.name],
        ).fetchone()
        if row and row[0]:
            seeding.warnings.append(
                f"The set {known.name} has left the catalog; its rows in {known.table} are kept."
                " To remove rows, leave the file with `rows: []`."
                if now is None
                else f"The set {known.name} has another scope; its rows in {known.table} that are"
                " not in it are kept. To remove rows, leave the old scope with `rows: []`."
            )


def _in_other_scope(seeding: Seeding, now: SeedSet, known: Known) -> bool:
    """Whether the ledger's set is of the catalog's table and key, but not of its scope."""
    table = seeding.tables.get(now.table)
    if table is None or (known.table, known.key) != (table.qualified, now.key):
        return False
    if not has_scope(now, table):  # which it is shows once its columns are there
        return False
    return known.scope != scope_text(now, table)


def _register(seeding: Seeding, works: Sequence[SetWork]) -> dict[str, int]:
    """Record that sets are seeded as the catalog has them now; returns their numbers."""
    if not seeding.writes or not works:
        return {}
    rows = seeding.connection.execute(
        seeding.ledger.sql(
            "INSERT INTO {s}.sets (base, scope, name, digest, columns, release, run)"
            " SELECT base, scope, name, digest, columns, %(release)s, %(run)s"
            " FROM ROWS FROM (pg_catalog.unnest(%(bases)s::integer[]),"
            " pg_catalog.unnest(%(scopes)s::text[]), pg_catalog.unnest(%(names)s::text[]),"
            " pg_catalog.unnest(%(digests)s::text[]), pg_catalog.unnest(%(columns)s::jsonb[]))"
            " AS given (base, scope, name, digest, columns)"
            " ON CONFLICT (base, scope, name) DO UPDATE"
            " SET run = excluded.run, columns = excluded.columns, (digest, release, earlier) = ("
            " SELECT sets.digest, sets.release, sets.earlier"
            " WHERE excluded.digest IN (''::text, sets.digest)"
            " UNION ALL SELECT excluded.digest, excluded.release,"
            " pg_catalog.array_append(sets.earlier, sets.digest)"
            " WHERE excluded.digest NOT IN (''::text, sets.digest))"
            " RETURNING name, id"
        ),
        {
            "run": seeding.run,
            "release": seeding.catalog.release,
            "bases": [work.base.id for work in works],
            "scopes": [work.scope for work in works],
            "names": [work.name for work in works],
            # Inserting what is missing leaves the rest of what the catalog asks for pending.
            "digests": [
                FIRST_ROWS
                if seeding.orders.first
                else ""
                if work.decision is SetDecision.INSERT_MISSING
                else digest_of(set_named(seeding, work.name))
                for work in works
            ],
            "columns": [Jsonb(_columns(seeding, work)) for work in works],
        },
    ).fetchall()
    return dict(rows)


def recorded_columns(seeding: Seeding, each: SeedSet) -> tuple[str, ...]:
    """What the rows of a set gave when it was last applied, under the names of today.

    And what its `removed: {set: ...}` may have written, so that rows that return get it back.
    """
    place = same_place(seeding, each)
    catalog = {one.name for one in (*seeding.catalog.sets, *seeding.catalog.inactive)}
    known = next((k for k in place if k.name == each.name), None) or next(
        (k for k in place if k.name not in catalog), None
    )
    if known is None:
        return ()
    today = todays_names(each, known)
    marked = [name for name, _ in each.removed_values if name in known.columns]
    return tuple(dict.fromkeys([*(today.get(name, name) for name in known.given), *marked]))


def _columns(seeding: Seeding, work: SetWork) -> list[str]:
    """What a set gives, but for what no update writes and no ledger knows."""
    given = [
        column.name
        for column in work.seed_set.columns
        if not column.secret
        and column.update is not Update.NEVER
        and not any(column.name == name for name, _ in work.seed_set.scope)
    ]
    if work.decision is SetDecision.INSERT_MISSING:
        given += recorded_columns(seeding, work.seed_set)
    return list(dict.fromkeys(given))


def unregister(seeding: Seeding, work: SetWork) -> None:
    """Take back that a set is seeded: it waits after all."""
    if not seeding.writes:
        return
    before = next((known for known in seeding.known if known.id == work.set_id), None)
    values: dict[str, object] = {"id": work.set_id}
    if before is None:
        statement = seeding.ledger.sql("DELETE FROM {s}.sets WHERE id = %(id)s")
    else:
        statement = seeding.ledger.sql(
            "UPDATE {s}.sets SET digest = %(digest)s, columns = %(columns)s WHERE id = %(id)s"
        )
        given = recorded_columns(seeding, set_named(seeding, work.name))
        values |= {"digest": before.digest, "columns": Jsonb(list(given))}
    seeding.connection.execute(statement, values)
