"""Write Alembic script directories for tests."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from seeder.merge.model import Migrations


class Scripts:
    """An Alembic script directory; revisions build on one another in the order of `add`."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.directory = project / "migrations"
        (self.directory / "versions").mkdir(parents=True)
        self._last: str | None = None

    def migrations(self, **settings: Any) -> Migrations:
        return Migrations(alembic=self.directory, **settings)

    def add(self, name: str, *lines: str, down: object = ..., extra: str = "") -> Path:
        """Add a revision; plain lines of SQL, or Python lines that begin with `py:`."""
        down = self._last if down is ... else down
        self._last = name
        body = [
            line[3:] if line.startswith("py:") else f"op.execute({line!r})" for line in lines
        ] or ["pass"]
        path = self.directory / "versions" / f"{name}.py"
        path.write_text(
            "from alembic import op\n"
            "import sqlalchemy as sa\n"
            f"revision = {name!r}\ndown_revision = {down!r}\n{extra}\n\n"
            "def upgrade():\n" + textwrap.indent("\n".join(body), "    ") + "\n"
        )
        return path


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """A new, empty script directory."""
    return Scripts(tmp_path / "project")
