"""Problems as GitHub shows them: at their lines, in the pull request that brings them.

The form is that of workflow commands: `::error file=...,line=...,title=...::message`.
"""

from __future__ import annotations

import os
from pathlib import Path

from seeder.errors import Problem
from seeder.merge.found import CheckResult
from seeder.merge.result import Failure

_TITLE = "seeder check"


def marks(found: CheckResult | Failure, *, project: Path, root: Path) -> str:
    """One line for each problem; `root` is where the paths of the repository start."""
    level = "error" if isinstance(found, Failure) else "warning"
    lines = [_line(level, each, project, root) for each in found.problems]
    if isinstance(found, Failure) and not lines:
        lines.append(_command(level, {"title": _TITLE}, _sentence(found.message, found.hint)))
    return "".join(f"{line}\n" for line in lines)


def _line(level: str, problem: Problem, project: Path, root: Path) -> str:
    properties: dict[str, str] = {}
    if problem.file is not None:
        properties["file"] = os.path.relpath(project / problem.file, root)
    if problem.line is not None:
        properties["line"] = str(problem.line)
        if problem.column is not None:
            properties["col"] = str(problem.column)
    about = None if problem.file is not None else problem.address
    message = _sentence(problem.message, problem.remedy)
    if about is not None:
        message = f"{about}: {message}"
    return _command(level, {**properties, "title": _TITLE}, message)


def _sentence(message: str, more: str | None) -> str:
    return f"{message} {more}" if more else message


def _command(level: str, properties: dict[str, str], message: str) -> str:
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {given}::{_message(message)}"


def _message(text: str) -> str:
    """A text without an end of line, which would end the command and could begin another."""
    return "".join(_ESCAPES.get(c, c) for c in text)


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
