"""Alembic: `op.bulk_insert`, as a data migration does it."""

from __future__ import annotations

import os
import sys

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from benchmarks.systems.files import typed_rows

items = sa.table(
    "items",
    sa.column("code", sa.Text),
    sa.column("name", sa.Text),
    sa.column("amount", sa.Numeric),
    sa.column("active", sa.Boolean),
    sa.column("note", sa.Text),
)
engine = sa.create_engine(os.environ["DATABASE_URL"].replace("://", "+psycopg://", 1))
with engine.begin() as connection:
    op = Operations(MigrationContext.configure(connection))
    op.bulk_insert(items, list(typed_rows(sys.argv[1])))
