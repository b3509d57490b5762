"""Nodes into cells; the one place where values come in from outside of the catalog."""

from __future__ import annotations

import datetime
import enum
import math
import os
import posixpath
import uuid
from collections.abc import Mapping as AnyMapping
from decimal import Decimal
from pathlib import Path, PurePosixPath

from seeder.catalog.formats.files import Unreadable, is_inside, is_walked, read_text
from seeder.catalog.formats.json_reader import read_json
from seeder.catalog.formats.nodes import GENERATORS, MAX_DEPTH, Mapping, Node, Scalar
from seeder.catalog.formats.problems import Problems, Spot
from seeder.catalog.formats.scalars import MAX_DIGITS, holds
from seeder.catalog.project.project import Project
from seeder.merge.model import Cell, Generator, Text

_PLAIN = (
    bool,
    int,
    Decimal,
    bytes,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
)


class Values:
    """Turns nodes into cells, and remembers which environment variables were used."""

    def __init__(
        self, project: Project, *, environ: AnyMapping[str, str], problems: Problems
    ) -> None:
        self.project = project
        self._environ = environ
        self.problems = problems
        self._public: set[str] = set()
        self._secret: set[str] = set()
        self.reached: set[str] = set()
        """Project-relative names of the files that `!file` and `rows_from` reach."""

    @property
    def env_names(self) -> tuple[str, ...]:
        """Variables that only non-secret values were taken from, sorted."""
        return tuple(sorted(self._public - self._secret))

    def asked(
        self, node: Node, *, file: str, secret: bool = False, active: bool = True
    ) -> Cell | Generator:
        """The value of a node, or who is to make it."""
        generator = GENERATORS.get(node.tag or "") if isinstance(node, Scalar) else None
        if generator is None:
            return self.cell(node, file=file, secret=secret, active=active)
        if isinstance(node, Scalar) and node.value != "":
            self.problems.add(f"`!{generator.value}` takes nothing behind it", file=file, at=node)
        return generator

    def cell(self, node: Node, *, file: str, secret: bool = False, active: bool = True) -> Cell:
        """The value of a node; in a set that is not active, NULL stands for `!env`."""
        if isinstance(node, Scalar):
            if node.tag is None:
                return node.value
            return self._tagged(node, file, secret=secret, active=active)
        if isinstance(node, Mapping):
            return {
                key: self._inner(each, file, secret=secret, active=active)
                for key, each in node.items.items()
            }
        return [self._inner(each, file, secret=secret, active=active) for each in node.items]

    def _inner(self, node: Node, file: str, *, secret: bool, active: bool) -> Cell:
        value = self.cell(node, file=file, secret=secret, active=active)
        if isinstance(value, float) and not math.isfinite(value):
            self.problems.add("JSON knows no infinity and no NaN", file=file, at=node)
        return value

    def _tagged(self, node: Scalar, file: str, *, secret: bool, active: bool) -> Cell:
        text = str(node.value)
        if node.tag == "env":
            return self.env(text, file=file, at=node, secret=secret) if active else None
        if node.tag == "file":
            return self._file(text, file, node)
        if node.tag in GENERATORS:
            self.problems.add(
                f"`!{node.tag}` is made when a row is inserted and cannot stand here",
                remedy="It is for a column of a row, of `defaults` or of `removed: {set: ...}`.",
                file=file,
                at=node,
            )
            return None
        try:
            # For its problems alone: the document goes to Postgres as it is written.
            read_json(text, file=file, problems=Problems())
        except Unreadable as error:
            self.problems.add(f"the text of !json {error.message}", file=file, at=node)
        return Text(text)

    def env(self, name: str, *, file: str, at: Spot, secret: bool) -> Text | None:
        """The value of an environment variable, or a problem that never shows it."""
        (self._secret if secret else self._public).add(name)
        value = self._environ.get(name)
        problem = None
        if not name or "=" in name:
            problem = "!env needs the name of an environment variable"
        elif value is None:
            problem = f"the environment variable {name} is not set"
        elif "\0" in value or not _encodes(value):
            problem = f"the environment variable {name} is not valid UTF-8 text"
        if problem is not None:
            remedy = "Set it for this run; it may be empty." if value is None else None
            self.problems.add(problem, remedy=remedy, file=file, at=at)
            return None
        return Text(value)

    def _file(self, text: str, file: str, at: Spot) -> Text | None:
        path = self.reach(text, file=file, at=at)
        if path is None:
            return None
        try:
            content = read_text(path)
        except Unreadable as error:
            self.problems.add(
                f"the file `{text}` {error.message}", remedy=error.remedy, file=file, at=at
            )
            return None
        # Editors end a file with one line break that its author does not mean.
        return Text(content.replace("\r\n", "\n").removesuffix("\n"))

    def reach(self, written: str, *, file: str, at: Spot) -> Path | None:
        """The path of a file named in a seed file; it must lie below the seeds.

        Everything there is part of the fingerprint, so an edit of it is noticed.
        """
        problem = remedy = None
        seeds = self.project.name(self.project.seeds)
        name = posixpath.normpath(posixpath.join(posixpath.dirname(file), written))
        path = self.project.root / name
        if PurePosixPath(written).is_absolute() or not is_inside(self.project.root, path):
            problem = f"`{written}` leads out of the project"
            remedy = "Give a path relative to this file, below the seeds."
        elif not name.startswith(seeds + "/"):
            problem = f"`{written}` is not below `{seeds}/`"
            remedy = "Move it there, where seeder notices when it changes."
        elif any(part.startswith(".") for part in PurePosixPath(name).parts):
            problem = f"`{written}` is a hidden file"
            remedy = "Rename it: seeder does not notice when a hidden file changes."
        elif not os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises for a long name
            problem = f"there is no file `{name}`"
            there = _beside(path)
            remedy = self.problems.suggest(path.name, there)
        elif not is_walked(self.project.root, name):
            problem = f"`{written}` is where seeder looks at nothing, with caches and packages"
            remedy = "Move it: seeder would not notice when it changes."
        if problem is not None:
            self.problems.add(problem, remedy=remedy, file=file, at=at)
            return None
        self.reached.add(name)
        return path


def _encodes(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _beside(path: Path) -> list[str]:
    try:
        return [each.name for each in path.parent.iterdir()]
    except OSError:
        return []


def native(value: object, *, depth: int = 0) -> Cell:
    """A value that a Python seeder yields as a cell; TypeError says what it cannot be."""
    if value is None or (isinstance(value, _PLAIN) and not isinstance(value, enum.Enum)):
        if isinstance(value, int | Decimal) and not _fits_numeric(value):
            raise TypeError("a number that Postgres cannot hold")
        return value
    if isinstance(value, enum.Enum):
        return native(value.value, depth=depth)
    if isinstance(value, str):
        if "\0" in value or not _encodes(value):
            raise TypeError("text with a NUL character or half a surrogate pair")
        return value if isinstance(value, Text) else str(value)
    if isinstance(value, float):
        if depth and not math.isfinite(value):
            raise TypeError("infinity or NaN inside a document")
        return value
    if depth >= MAX_DEPTH:
        raise TypeError(f"a value nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, AnyMapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a mapping with keys that are not text")
        return {str(key): native(each, depth=depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [native(each, depth=depth + 1) for each in value]
    raise TypeError(f"a value of type {type(value).__name__}")


def _fits_numeric(value: int | Decimal) -> bool:
    if isinstance(value, int):
        return value.bit_length() < 3 * MAX_DIGITS
    return not value.is_finite() or holds(value)


def key_text(value: Cell) -> str | None:
    """A key value as the text of an address; None for what cannot be one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if value is None or isinstance(value, list | tuple | AnyMapping):
        return None
    return str(value)
