"""The application's own connection: one per request, with the rights that grants.sql gives it."""

from __future__ import annotations

import psycopg
from flask import current_app, g
from psycopg.rows import dict_row


def query(text: str, **values: object) -> list[dict]:
    """Run one statement, committed at once; returns its rows."""
    if "connection" not in g:
        g.connection = psycopg.connect(
            current_app.config["DATABASE_URL"],
            autocommit=True,
            connect_timeout=3,
            row_factory=dict_row,
        )
    cursor = g.connection.execute(text, values)
    return cursor.fetchall() if cursor.description else []


def close(_: BaseException | None = None) -> None:
    """At the end of every request."""
    connection = g.pop("connection", None)
    if connection is not None:
        connection.close()
