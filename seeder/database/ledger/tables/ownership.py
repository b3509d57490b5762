"""Whose the ledger is: who owns it can write whatever is taken for the record of what was done."""

from __future__ import annotations

import psycopg
from psycopg.rows import TupleRow

from seeder.database.connection.failures import translated
from seeder.database.ledger.tables.ledger import Ledger
from seeder.errors import AccessDenied

_FOREIGN = """
    SELECT kind, name, pg_catalog.pg_get_userbyid(owner), pg_catalog.quote_ident(current_user),
           NOT pg_catalog.pg_has_role(owner, 'USAGE')
    FROM (
        SELECT 'SCHEMA', pg_catalog.quote_ident(nspname), nspowner, false
        FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s
        UNION ALL
        SELECT 'TABLE', pg_catalog.format('%%I.%%I', nspname, relname), relowner, relname = 'meta'
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE nspname = %(schema)s AND relkind IN ('r', 'p', 'v', 'm', 'f')
    ) AS found (kind, name, owner, known)
    WHERE known OR NOT pg_catalog.pg_has_role(owner, 'USAGE')
    ORDER BY kind, name
"""

_TOLD = 5
"""Statements in a hint; the rest is counted."""


def require_own(connection: psycopg.Connection[TupleRow], ledger: Ledger) -> bool:
    """Whether there is a ledger, which is this role's own.

    Raises AccessDenied where the ledger's schema or a table in it is another role's.

    Whoever may create schemas could put it there before the first run. What is owned by a role
    that this one is a member of counts as its own, as it does for Postgres.
    """
    with translated(doing="looking whose the ledger is", otherwise=AccessDenied):
        found = connection.execute(_FOREIGN, {"schema": ledger.schema}).fetchall()
    rows = [each for *each, foreign in found if foreign]
    if not rows:
        return bool(found)
    kind, name, owner, _ = rows[0]
    more = f", and {len(rows) - 1} more," if len(rows) > 1 else ""
    statements = [f"ALTER {kind} {name} OWNER TO {own};" for kind, name, _, own in rows[:_TOLD]]
    raise AccessDenied(
        f"The {kind.lower()} {name} of the ledger{more} belongs to {owner}, not to this role.",
        hint=f"Who owns the ledger can change what it says. If it is right: {' '.join(statements)}",
        owner=owner,
        code="ledger-owner",
    )
