"""Rows of the comparison's story, as a script or an application would ship them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Tier(Base):
    __tablename__ = "tiers"

    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]


def ship(way: str, given: str) -> None:
    """`sql STATEMENT`, `merge FILE` or `add FILE`."""
    engine = create_engine(os.environ["DATABASE_URL"].replace("://", "+psycopg://", 1))
    with Session(engine) as session:
        if way == "sql":
            session.execute(text(given))
        else:
            for row in json.loads(Path(given).read_text()):
                if way == "merge":
                    session.merge(Tier(**row))
                elif session.get(Tier, row["code"]) is None:
                    session.add(Tier(**row))
        session.commit()


if __name__ == "__main__":
    ship(sys.argv[1], sys.argv[2])
