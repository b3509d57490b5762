"""Logs are events: a past-tense name and facts as fields.

The writer is made once, in the command line, and handed down as an argument; no module
holds a logger of its own. Fields never carry a URL, a password or a row value.
"""

from __future__ import annotations

from typing import Protocol


class Log(Protocol):
    """Where events go; structlog's bound logger is one."""

    def debug(self, event: str, **fields: object) -> object:
        """Write an event that only a developer of seeder wants."""

    def info(self, event: str, **fields: object) -> object:
        """Write an event of an ordinary run."""

    def warning(self, event: str, **fields: object) -> object:
        """Write an event that a person should look at, though the run goes on."""

    def error(self, event: str, **fields: object) -> object:
        """Write the event that ends a run."""
