"""The unchanged path: does this database already have all that this image asks for?

Imports nothing but psycopg: nearly every deploy ends here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql

from seeder.database.connection.connect import Connection


def env_digest(names: Sequence[str], environ: Mapping[str, str]) -> str:
    """Hash over the values of the environment variables that a catalog reads, secrets apart."""
    found = hashlib.sha256()
    for name in sorted(names):
        value = environ.get(name)
        found.update(f"{name}\0{'' if value is None else 'set:' + value}\0".encode())
    return found.hexdigest()


class Unchanged(NamedTuple):
    """What the last complete run says of a database, where it was of this very image."""

    environment: str
    """As the database is marked."""
    left: Mapping[str, int]
    """What it left to decide: sets `pending` and `unadopted`, rows in `conflicts`, and those
    that wait for others (`skip`)."""


def if_unchanged(
    connection: Connection,
    *,
    schema: str,
    fingerprint: str,
    environ: Mapping[str, str],
) -> Unchanged | None:
    """What the last complete run says, if it was of this very image.

    None: it was not, or something waits since.

    One query for the ledger, one for the live revision. A database without a ledger, or one
    this role may not read, is not unchanged; the run itself then says why.
    """
    try:
        row = connection.execute(
            sql.SQL(
                "SELECT p.env_names, p.env_digest, p.version_table, p.revisions, m.environment,"
                " p.left_open"
                " FROM {s}.projects p CROSS JOIN {s}.meta m"
                " WHERE p.fingerprint OPERATOR(pg_catalog.=) %s::text"
                " AND p.search_path OPERATOR(pg_catalog.=)"
                " pg_catalog.current_schemas(false)::text[]"
                " AND NOT EXISTS (SELECT FROM {s}.requests r"
                " WHERE r.project OPERATOR(pg_catalog.=) p.id"
                " AND r.state OPERATOR(pg_catalog.=) 'open'::text)"
            ).format(s=sql.Identifier(schema)),
            [fingerprint],
        ).fetchone()
        if row is None:
            return None
        env_names, digest, version_table, revisions, marked, left = row
        found = Unchanged(str(marked), left)
        if env_digest(env_names, environ) != digest:
            return None
        if version_table is None:
            return found
        live = connection.execute(
            sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(
                sql.SQL(version_table)  # written by this program, quoted
            )
        ).fetchall()
        return found if [each[0] for each in live] == list(revisions) else None
    except psycopg.errors.Error:
        if connection.closed:
            raise
        return None
