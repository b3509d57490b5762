"""Two rows of the catalog that are one row to the table.

Their keys are written otherwise (`1` and `01`), or stand twice in a file so large that it was not
read before. Left alone, each release would let the one that differs from the last one win.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.judging.expressions import called, entry_match
from seeder.database.staging.stage import Stage
from seeder.database.staging.work import SetWork
from seeder.errors import ConfigurationInvalid, Problem

_NAMED = 20


_ONE_SPELLING = frozenset(
    {"text", "character varying", "smallint", "integer", "bigint", "boolean", "date", "uuid"}
)
"""Key types whose values a file hardly writes in two ways; the index tells where one does."""


def respellable(work: SetWork) -> bool:
    """Whether a key may well be written in two ways: `Abc` and `abc` in citext, `1` and `1.0`."""
    keys = [work.live(name) for name in work.seed_set.key]
    return any(key.base not in _ONE_SPELLING or key.collation for key in keys)


def require_distinct_keys(connection: Connection, work: SetWork) -> None:
    """Refuse rows whose keys are one by the types of their columns, known or not.

    References are resolved. Raises ConfigurationInvalid, with the place of each of them.
    """
    stages = (work.stage, *work.siblings)
    rows = [
        work.compose(
            "SELECT {place} AS place, s.addr, {keys} FROM {stage} s",
            place=sql.Literal(place),
            keys=sql.SQL(", ").join(_own_key(work, stage)),
            stage=stage.relation,
        )
        for place, stage in enumerate(stages)
    ]
    names = [f"k{n}" for n in range(1, len(_own_key(work, work.stage)) + 1)]
    found = connection.execute(
        sql.SQL(
            "SELECT pg_catalog.array_agg(place), pg_catalog.array_agg(addr) FROM ({rows}) q GROUP"
            " BY {names}"
            " HAVING pg_catalog.count(*) > 1 AND 0 = ANY (pg_catalog.array_agg(place)) LIMIT"
            " {limit}"
        ).format(
            rows=sql.SQL(" UNION ALL ").join(rows),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            limit=sql.Literal(_NAMED),
        )
    ).fetchall()
    _refuse(work, stages, [list(zip(*each, strict=True)) for each in found])


def _own_key(work: SetWork, stage: Stage) -> list[sql.Composable]:
    """A stage's key columns, and what a reference asks for that leads nowhere yet, numbered."""
    values: list[sql.Composable] = []
    for name in work.seed_set.key:
        collation = work.live(name).collation
        collated = sql.SQL(f" COLLATE {collation}" if collation else "")
        values.append(sql.SQL("{}{}").format(stage.d(name), collated))
        if stage.seed_set.column(name).reference is not None:
            values.append(
                sql.SQL("CASE WHEN {} IS NULL THEN {} END").format(stage.d(name), stage.r(name))
            )
    return [called(value, f"k{n}") for n, value in enumerate(values, start=1)]


def require_distinct(connection: Connection, work: SetWork) -> None:
    """Refuse rows of the diff whose entry is that of another desired row as well.

    Raises ConfigurationInvalid, with the place of each of them.
    """
    stages = (work.stage, *work.siblings)
    matches = [
        work.compose(
            "SELECT d.b, {place} AS place, s.addr FROM known d JOIN {base} b ON b.ctid = d.b"
            " JOIN {stage} s ON {match}",
            place=sql.Literal(place),
            stage=stage.relation,
            match=entry_match(work, stage_number=stage.number),
        )
        for place, stage in enumerate(stages)
    ]
    found = connection.execute(
        work.compose(
            "WITH known AS MATERIALIZED"
            " (SELECT DISTINCT b FROM {diff} WHERE s IS NOT NULL AND b IS NOT NULL)"
            " SELECT pg_catalog.array_agg(place), pg_catalog.array_agg(addr)"
            " FROM ({matches}) m GROUP BY b HAVING pg_catalog.count(*) > 1 LIMIT {limit}",
            matches=sql.SQL(" UNION ALL ").join(matches),
            limit=sql.Literal(_NAMED),
        )
    ).fetchall()
    _refuse(work, stages, [list(zip(*each, strict=True)) for each in found])


def require_distinct_adoptions(connection: Connection, work: SetWork) -> None:
    """Refuse rows that nobody seeded yet and that would become the same live row.

    Raises ConfigurationInvalid, with the place of each of them.
    """
    same_row = [sql.Identifier("w", f"k{n}") for n in range(1, len(work.base.primary_key) + 1)]
    found = connection.execute(
        work.compose(
            "SELECT pg_catalog.array_agg(s.addr) FROM {verdict} w JOIN {stage} s ON {row} = w.s"
            " WHERE w.b IS NULL AND w.row_at IS NOT NULL"
            " GROUP BY {same_row} HAVING pg_catalog.count(*) > 1 LIMIT {limit}",
            same_row=sql.SQL(", ").join(same_row),
            limit=sql.Literal(_NAMED),
        )
    ).fetchall()
    _refuse(work, [work.stage], [[(0, key) for key in keys] for (keys,) in found])


def _refuse(
    work: SetWork, stages: Sequence[Stage], groups: Sequence[Sequence[tuple[int, str]]]
) -> None:
    """Raise where there are groups of rows that are one; each is a stage's place and a row key."""
    if not groups:
        return
    group_of = {each: number for number, group in enumerate(groups) for each in group}
    firsts: dict[int, tuple[str, str]] = {}
    problems = []
    for place in sorted({place for place, _ in group_of}):
        seed_set = stages[place].seed_set
        for row in seed_set.rows:
            number = group_of.get((place, row.key))
            if number is None:
                continue
            address, file = seed_set.address(row.key), row.file or seed_set.file
            if number not in firsts:
                firsts[number] = address, f"{file}:{row.line}"
                continue
            first, at = firsts[number]
            problems.append(
                Problem(
                    message=f"{address} is the same row of {work.table} as {first} at {at}.",
                    remedy="Remove one of the two.",
                    file=file,
                    line=row.line,
                    address=address,
                )
            )
    raise ConfigurationInvalid(
        f"Set {work.name} asks for the same row of {work.table} more than once.",
        problems=tuple(problems),
        set=work.name,
        code="row-duplicate",
    )
