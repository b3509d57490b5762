"""SQLAlchemy's ORM: row by row, if it does not exist, add it."""

from __future__ import annotations

import decimal
import os
import sys

from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.systems.files import typed_rows


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    amount: Mapped[decimal.Decimal]
    active: Mapped[bool]
    note: Mapped[str | None]


engine = create_engine(os.environ["DATABASE_URL"].replace("://", "+psycopg://", 1))
with Session(engine) as session:
    for row in typed_rows(sys.argv[1]):
        if session.scalar(select(Item).where(Item.code == row["code"])) is None:
            session.add(Item(**row))
    session.commit()
