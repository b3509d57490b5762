"""The unchanged path: does this database already have all that this image asks for?

Imports nothing but psycopg: nearly every deploy ends here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql


def env_digest(names: Sequence[str], environ: Mapping[str, str]) -> str:
    """Hash over the values of the environment variables that a catalog reads, secrets apart."""
    found = hashlib.sha256()
    for name in sorted(names):
        value = environ.get(name)
        found.update(f"{name}\0{'' if value is None else 'set:' + value}\0".encode())
    return found.hexdigest()


def marked_if_unchanged(
    connection: psycopg.Connection[Any],
    *,
    schema: str,
    fingerprint: str,
    environ: Mapping[str, str],
) -> str | None:
    """How the database is marked, if the last complete run was of this very image.

    None: it was not, or something waits since.

    One query for the ledger, one for the live revision. A database without a ledger, or one
    this role may not read, is not unchanged; the run itself then says why.
    """
    try:
        row = connection.execute(
            sql.SQL(
                "SELECT fingerprint, env_names, env_digest, version_table, revisions, environment,"
                " EXISTS (SELECT FROM {s}.requests"
                " WHERE state OPERATOR(pg_catalog.=) 'open'::text) FROM {s}.meta"
            ).format(s=sql.Identifier(schema))
        ).fetchone()
        if row is None or row[0] != fingerprint or row[6]:
            return None
        if env_digest(row[1], environ) != row[2]:
            return None
        marked = str(row[5])
        version_table, revisions = row[3], row[4]
        if version_table is None:
            return marked
        live = connection.execute(
            sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(
                sql.SQL(version_table)  # written by this program, quoted
            )
        ).fetchall()
        return marked if [each[0] for each in live] == list(revisions) else None
    except psycopg.errors.Error:
        if connection.closed:
            raise
        return None
