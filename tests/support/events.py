"""A log that keeps its events, for tests that assert them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Events:
    """A `seeder.runtime.log.Log`; `named` gives the fields of one kind of event."""

    all: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    carried: dict[str, Any] = field(default_factory=dict)
    tells_statements: bool = False

    def debug(self, event: str, **fields: object) -> None:
        self.all.append(("debug", event, fields))

    def info(self, event: str, **fields: object) -> None:
        self.all.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.all.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.all.append(("error", event, fields))

    def carry(self, **fields: object) -> None:
        self.carried = fields

    def awaited(self, event: str, line: str, **fields: object) -> None:
        self.all.append(("info", event, fields))

    def progress(self, event: str, line: str, **fields: object) -> None:
        self.all.append(("info", event, {"line": line, **fields}))

    def progress_ended(self) -> None:
        self.all.append(("info", "progress_ended", {}))

    def named(self, event: str) -> list[dict[str, Any]]:
        return [fields for _, name, fields in self.all if name == event]

    def names(self) -> list[str]:
        return [name for _, name, _ in self.all]


@pytest.fixture
def events() -> Events:
    """A log whose events the test reads."""
    return Events()
