"""`from: app.security:hash_password`: the application makes the value that is inserted."""

from __future__ import annotations

import importlib
import importlib.util
import re
import types
from pathlib import Path

from seeder.catalog.declaring.values import native
from seeder.catalog.project.python_files import importing
from seeder.errors import SeedingFailed
from seeder.merge.model import Cell
from seeder.runtime.raised import missing_module, told_at

_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")


def is_function(name: str) -> bool:
    """Whether it is written as `module:function`."""
    return _NAME.match(name) is not None


def is_found(name: str, root: Path) -> bool:
    """Whether there is such a module; it is not imported, for all that it would start."""
    package = name.partition(":")[0].partition(".")[0]
    if (root / package).is_dir() or (root / f"{package}.py").is_file():
        return True
    return importlib.util.find_spec(package) is not None


def make(name: str, column: str, file: str, root: Path, value: Cell) -> Cell:
    """Call the function with a row's value; imported when the first row is inserted."""
    module, _, attributes = name.partition(":")
    try:
        with importing(root, types.ModuleType("seeder_made")):
            found: object = importlib.import_module(module)
            for attribute in attributes.split("."):
                found = getattr(found, attribute)
            made = found(value)  # type: ignore[operator]  # what cannot be called says so
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the application's code
        absent = missing_module(error)
        hint = f"Install what has {absent} in the job's environment." if absent else None
        raise _failed(name, column, file, told_at(error, root=root), hint=hint) from None
    try:
        return native(made)
    except TypeError:
        raise _failed(name, column, file, f"it returned {type(made).__name__}") from None


def _failed(
    name: str, column: str, file: str, what: str, *, hint: str | None = None
) -> SeedingFailed:
    return SeedingFailed(
        f"{file}: `{name}` makes no value for the column {column}: {what}.",
        hint=hint or "It is called with the row's value and returns what is stored.",
        code="value-not-made",
    )
