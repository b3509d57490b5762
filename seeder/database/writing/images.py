"""What a run overwrites, before and after, for the audit trail and for undo."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import sql

from seeder.database.connection.connect import Connection
from seeder.database.connection.marked_sql import Named
from seeder.database.judging import documents
from seeder.database.judging.expressions import as_kept
from seeder.database.judging.verdict_rows import at_live, is_written, new_value, writing
from seeder.database.ledger.bases.notes import objects
from seeder.database.ledger.tables.ledger import Ledger
from seeder.database.schema.equality import canonical
from seeder.database.staging.work import SetWork
from seeder.database.writing.record import at_live_now
from seeder.merge.rules import ROW_RULES


def record(
    connection: Connection,
    ledger: Ledger,
    work: SetWork,
    *,
    run: int,
    reason: str | None = None,
) -> None:
    """Keep what is about to be overwritten, column by column, before it is.

    `reason` is what the audit trail says instead of the reasons of the rules.
    """
    written = [name for name in work.names if name not in work.seed_set.secrets]

    def image(value: Callable[[SetWork, str], sql.Composable]) -> sql.Composable:
        return objects((is_written(work, name), name, value(work, name)) for name in written)

    source = work.compose(
        "{verdict} w JOIN {stage} s ON {row} = w.s\nJOIN {live} t ON {}\nWHERE {}",
        at_live(work),
        writing(work),
    )
    keep(
        connection,
        ledger,
        work,
        run=run,
        before=image(as_kept),
        after=image(lambda _, name: canonical(new_value(work, name), work.live(name))),
        addr=sql.SQL("s.addr"),
        source=source,
        merged=documents.images(work),
        reason=reason,
    )


def keep(
    connection: Connection,
    ledger: Ledger,
    work: SetWork,
    *,
    run: int,
    before: sql.Composable,
    after: sql.Composable,
    addr: sql.Composable,
    source: sql.Composable,
    merged: sql.Composable | None = None,
    reason: str | None = None,
) -> None:
    """Add a row to the audit trail for each row of `source`, which has verdict `w`."""
    connection.execute(
        ledger.sql(
            "INSERT INTO {s}.changes (run, base, scope, set_name, addr, action, reason, before,"
            " after, merged)\nSELECT {run}, {base}, {scope}, {set}, {addr}, {action}, {reason},"
            " {before}, {after}, {merged}\nFROM {source}",
            run=sql.Literal(run),
            base=sql.Literal(work.base.id),
            scope=sql.Literal(work.scope),
            set=Named(work.name),
            action=_rule_text([rule.verdict.value for rule in ROW_RULES]),
            reason=sql.Literal(reason) if reason else _rule_text([r.reason for r in ROW_RULES]),
            before=before,
            after=after,
            merged=sql.SQL("NULL::jsonb") if merged is None else merged,
            addr=addr,
            source=source,
        )
    )


def _rule_text(texts: list[str]) -> sql.Composable:
    """The text that belongs to the verdict of row `w`."""
    return sql.SQL("({}::text[])[w.verdict + 1]").format(Named(texts))


def reread(connection: Connection, ledger: Ledger, work: SetWork, *, run: int) -> None:
    """Where triggers may rewrite values: note what the table made of them."""
    if not work.table.rewrites:
        return
    pieces = objects(
        (sql.SQL("c.after ? {}::text").format(Named(name)), name, as_kept(work, name, "l"))
        for name in work.names
    )
    connection.execute(
        work.compose(
            "UPDATE {changes} c SET after = {pieces}\nFROM {verdict} w"
            " JOIN {stage} s ON {row} = w.s JOIN {live} l ON {at_live}\n"
            "WHERE c.run = {run} AND c.base = {id} AND c.scope = {scope} AND c.addr = s.addr"
            " AND {writing}",
            changes=ledger.sql("{s}.changes"),
            pieces=pieces,
            at_live=at_live_now(work),
            run=sql.Literal(run),
            id=sql.Literal(work.base.id),
            writing=writing(work),
        )
    )
