"""Runs the revisions for the `alembic` command line; seeder does not need this file."""

import os
import re

from alembic import context
from sqlalchemy import create_engine, pool


def database_url() -> str:
    # Platforms hand out postgres:// and postgresql://; SQLAlchemy wants the driver named.
    url = os.environ["DATABASE_URL"]
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", url)


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    # seeder keeps its ledger in the schema `seeder`; autogenerate must not propose to drop it.
    return not (type_ == "schema" and name == "seeder")


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(database_url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            transaction_per_migration=True,
            include_name=include_name,
        )
        with context.begin_transaction():
            context.run_migrations()
