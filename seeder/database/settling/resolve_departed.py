"""Resolve of a row that has left the catalog, and stays since people changed or use it.

`live` is what a set with `removed: keep` does: the entry is released, and the row is people's.
`desired` is what the set's own `removed` does, as if nobody had changed the row. Either way
the machinery of an update is used, on this one row.
"""

from __future__ import annotations

from psycopg import sql

from seeder.database.connection.answers import answer
from seeder.database.connection.connect import Connection
from seeder.database.judging import departures, diff
from seeder.database.judging.expressions import places
from seeder.database.judging.groups import elsewhere, judge_leaving, require_single
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.settling.partial import kept, open_few, resolve_groups
from seeder.database.staging.context import Seeding
from seeder.database.staging.work import SetWork
from seeder.database.writing import removal, write
from seeder.database.writing.rejected_rows import Writes, rejected
from seeder.merge.model import Catalog
from seeder.merge.plan import RowAction, RowChange
from seeder.merge.rules import ROW_RULES, Rule, number_of

_NOT_IN_CONFLICT = "is not in conflict"


def take_left(
    connection: Connection,
    ledger: Ledger,
    catalog: Catalog,
    *,
    set_name: str,
    key: str,
    live: bool,
    run: int,
) -> RowChange | None:
    """Settle the conflict of a row that has left the catalog, in the caller's transaction.

    The arguments are those of `take`. Returns what was done, an action of KEEP saying why
    nothing was; None where the ledger has no such row.
    """
    seeding, groups = open_few(connection, ledger, catalog, [set_name], run=run)
    work = seeding.works[set_name]
    resolve_groups(seeding, groups)
    address = work.seed_set.address(key)
    diff.find_gone(connection, work, excluded=elsewhere(seeding, work.seed_set))
    connection.execute(
        sql.SQL("DELETE FROM {} d USING {} b WHERE b.ctid = d.b AND b.addr <> {}").format(
            work.diff, work.base.relation, sql.Literal(key)
        )
    )
    rule = _judged(seeding, work)
    if rule is None:
        return kept(address, _NOT_IN_CONFLICT) if _is_known(connection, work, key) else None
    if not _in_conflict(connection, work, rule):
        unclear = rule.verdict is RowAction.KEEP
        return kept(address, rule.reason if unclear else _NOT_IN_CONFLICT)
    if live:
        _release(connection, work, run=run)
        return RowChange(address=address, action=RowAction.RELEASE, reason="left the catalog; kept")
    rule = _judged(seeding, work, decided=True)
    if rule is None or rule.verdict is RowAction.KEEP:
        return kept(
            address,
            _NOT_IN_CONFLICT
            if rule is None
            else ROW_RULES[number_of(ROW_RULES, departures.HELD)].reason,
        )
    with rejected(connection, work, Writes.REMOVALS):
        removal.remove(connection, ledger, [work], run=run)
    return RowChange(address=address, action=rule.verdict, reason="left the catalog")


def _judged(seeding: Seeding, work: SetWork, *, decided: bool = False) -> Rule[RowAction] | None:
    """Lock the row of the diff and judge it; None where there is none."""

    def judge() -> None:
        seeding.connection.execute(work.compose("TRUNCATE {verdict}"))
        judge_leaving(seeding, [work], decided=decided)
        require_single(seeding, work)

    judge()
    write.lock(seeding.connection, work, sql.SQL("w.live"), "UPDATE")
    judge()
    found = answer(seeding.connection, work.compose("SELECT verdict FROM {verdict}"))
    return None if found is None else ROW_RULES[found]


def _in_conflict(connection: Connection, work: SetWork, rule: Rule[RowAction]) -> bool:
    """Whether the row stays against its set's wish, or one of its columns is in conflict."""
    if departures.stays(rule):
        return True
    noted = work.compose(
        "SELECT w.live AND b.notes ?| ARRAY['offered', 'removal_blocked']"
        " FROM {verdict} w JOIN {base} b ON b.ctid = w.b"
    )
    return rule.verdict is not RowAction.KEEP and bool(answer(connection, noted))


def _is_known(connection: Connection, work: SetWork, key: str) -> bool:
    entry = work.compose("SELECT EXISTS (SELECT FROM {base} WHERE scope = %s AND addr = %s)")
    return bool(answer(connection, entry, [work.scope, key]))


def _release(connection: Connection, work: SetWork, *, run: int) -> None:
    """The ledger lets go of the row; should it be back, it is merged with what was applied."""
    connection.execute(
        work.compose(
            "UPDATE {base} b SET state = {kept}, run = {}, {} FROM {verdict} w"
            " WHERE b.ctid = w.b AND w.live",
            sql.Literal(run),
            places(work),
        )
    )
