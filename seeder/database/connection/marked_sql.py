"""Parts of a statement that say whose text they are, for who shows it."""

from __future__ import annotations

from psycopg import sql


class Named(sql.Literal):
    """A literal that may be shown: a name of the schema, or a word of seeder's own."""


class Theirs(sql.SQL):
    """SQL that the project's schema holds: defaults, what indexes compute, their conditions."""

    @property
    def text(self) -> str:
        """The SQL itself."""
        return self.as_string(None)
