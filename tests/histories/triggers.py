"""BEFORE triggers that rewrite what is written, in Postgres and in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

Value = str | int | None
Row = dict[str, Value]


@dataclass(frozen=True)
class Trigger:
    """A trigger on the column `one`."""

    events: str
    body: str
    """What it assigns to NEW.one, in SQL."""
    value: Callable[[Row, Row | None], Value]
    """The same in Python, of the row that is written and the one before."""

    def rewrite(self, new: Row, before: Row | None) -> Row:
        event = "INSERT" if before is None else "UPDATE"
        return new | {"one": self.value(new, before)} if event in self.events else new

    def create(self, connection: psycopg.Connection, table: str) -> None:
        parts = {
            "table": sql.Identifier(table),
            "function": sql.Identifier(f"{table}_rewrite"),
            "events": sql.SQL(self.events),
            "body": sql.SQL(self.body),
        }
        connection.execute(
            sql.SQL(
                "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS"
                " $$BEGIN NEW.one := {body}; RETURN NEW; END$$"
            ).format(**parts)
        )
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER rewrite BEFORE {events} ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION {function}()"
            ).format(**parts)
        )


def lower_case(new: Row, before: Row | None) -> Value:
    return None if new["one"] is None else str(new["one"]).lower()


def never_null(new: Row, before: Row | None) -> Value:
    return "b" if new["one"] is None else new["one"]


def as_it_was(new: Row, before: Row | None) -> Value:
    return None if before is None else before["one"]


TRIGGERS = (
    None,
    Trigger("INSERT OR UPDATE", "lower(NEW.one)", lower_case),
    Trigger("INSERT", "lower(NEW.one)", lower_case),
    Trigger("INSERT OR UPDATE", "coalesce(NEW.one, 'b')", never_null),
    Trigger("UPDATE", "OLD.one", as_it_was),
)
