"""The line of a file that a problem is about, with a caret below the place.

Not of a file that may hold values of secret columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from seeder.errors import Problem
from seeder.report.layout import Ink, Line, Span, fixed, width_of
from seeder.runtime.log import redact

_WIDTH = 100
_BEFORE = 60
"""Of a line longer than _WIDTH, how much is shown before the place."""

_LARGEST = 4_000_000
"""Bytes; a data file beyond that is not read again for the sake of a message."""

_A_LIST = re.compile(r"(?:\s+|#[^\n]*\n|---\s*\n)*+[-\[]")
"""A YAML or JSON file that a set names in `rows_from`."""


class Excerpts:
    """Lines of a project's files, each file read once."""

    def __init__(self, project: Path | None) -> None:
        self._project = project
        self._files: dict[str, list[str]] = {}

    def of(self, problem: Problem) -> Iterator[Line]:
        """Yield the line that the problem names and its caret; nothing where none is known."""
        line = self._line(problem)
        if line is None:
            return
        shown = redact(line)
        place = problem.column if shown == line else None
        start = max(0, (place or 1) - 1 - _BEFORE) if len(shown) > _WIDTH else 0
        text = shown[start : start + _WIDTH].expandtabs(1)
        yield fixed(Span(f"{problem.line:>6} | ", Ink.DIM), text)
        if place is not None and place <= len(line) + 1:
            before = " " * width_of(text[: place - 1 - start])
            yield fixed(Span(f"{'':>6} | ", Ink.DIM), before, Span("^", Ink.LOUD))

    def _line(self, problem: Problem) -> str | None:
        if self._project is None or problem.file is None or problem.line is None:
            return None
        if not problem.quotable:
            return None
        if problem.file not in self._files:
            self._files[problem.file] = _lines(self._project / problem.file)
        lines = self._files[problem.file]
        return lines[problem.line - 1] if 0 < problem.line <= len(lines) else None


def _lines(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _LARGEST:
            return []
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        # The file that is missing may be the very problem; there is nothing to show then.
        return []
    # Where a set declares secret columns, any line may hold one; rows alone cannot tell.
    rows_alone = file.suffix == ".csv" or _A_LIST.match(text)
    return [] if rows_alone or "secret" in text else text.splitlines()
