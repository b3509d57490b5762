"""What may be told of an exception in the project's own Python.

Its message may quote a row or a secret, so the class is told and the message only where Python
or a library makes it of names: docs/decisions/exception-messages.md.
"""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path

_OF_TYPES = re.compile(
    r"[\w.<>]+\(\) (missing|takes|got an unexpected keyword|got multiple)\b"
    r"|'[\w.]+' object (is not|does not|has no|cannot be)\b"
    r"|(argument of type|object of type|unsupported operand type)"
)
"""What the interpreter says of a wrong call or type, in names alone."""

_LIBRARIES = (
    "Can't load plugin: sqlalchemy.dialects",
    "Could not parse SQLAlchemy URL",
    "Expected string or URL object, got None",
    "The asyncio extension requires an async driver",
    "Working outside of application context",
)
"""Beginnings of messages that hold no value."""

_OS = (os.__file__, "<frozen os>")

_OF_NAMES = ("CommandError", "NoAppException", "NoSectionError", "NoOptionError")
"""Classes of Alembic, Flask and configparser whose messages name what is missing."""


def told(error: BaseException) -> str:
    """The class of an error, with its message where that holds no value; one line."""
    kind = type(error).__name__
    said = _message(error)
    return kind if said is None else f"{kind}: {said}"


def told_at(error: BaseException, *, root: Path, file: Path | None = None) -> str:
    """What is `told`, and the line of the project below `root` where it was raised.

    The line is left out where it is in `file`, which is told beside it.
    """
    found = innermost(error, root)
    if found is None or found[0] == file:
        return told(error)
    return f"{told(error)} in {found[0].relative_to(root).as_posix()}:{found[1]}"


def environment_variable(error: BaseException) -> str | None:
    """The variable that `os.environ[...]` did not find."""
    if not isinstance(error, KeyError) or not error.args:
        return None
    frames = traceback.extract_tb(error.__traceback__)
    return str(error.args[0]) if frames and frames[-1].filename in _OS else None


def missing_module(error: BaseException) -> str | None:
    """The module that an import did not find."""
    return error.name if isinstance(error, ModuleNotFoundError) and error.name else None


def innermost(error: BaseException, *below: Path) -> tuple[Path, int | None] | None:
    """File and line of the last frame in a file of the project, below one of the directories."""
    if isinstance(error, SyntaxError) and error.filename and _is_own(error.filename, below):
        return Path(error.filename), error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(frame.filename, below)]
    return (Path(own[-1].filename), own[-1].lineno) if own else None


def last_line(error: BaseException) -> str:
    """File and line where it was raised, whosever code that is; without the file's directories."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _is_own(name: str, below: tuple[Path, ...]) -> bool:
    path = Path(name)
    return any(
        path.is_relative_to(each) and "site-packages" not in path.relative_to(each).parts
        for each in below
    )


def _message(error: BaseException) -> str | None:
    text = str(error).split("\n", 1)[0]
    match error:
        case ImportError() if error.name:
            return re.sub(r" \([^()]*\)$", "", text)  # the path of the module
        case SyntaxError() if error.filename:
            return error.msg
        case NameError() if error.name:
            return text
        case AttributeError() if error.name and text.endswith(f"'{error.name}'"):
            return text
        case TypeError() if _OF_TYPES.match(text):
            return text
        case KeyError() if environment_variable(error) is not None:
            return f"the environment variable {error.args[0]} is not set"
        case OSError() if error.filename is not None and error.strerror:
            return f"{error.strerror}: {error.filename}"
        case SystemExit() if isinstance(error.code, int):
            return text
    if type(error).__name__ in _OF_NAMES or text.startswith(_LIBRARIES):
        return text
    return _of_fields(error) or _sqlstate(error)


def _of_fields(error: BaseException) -> str | None:
    """The names of settings that pydantic does not accept; its message quotes their values."""
    if not type(error).__module__.startswith("pydantic"):
        return None
    found = error.errors() if hasattr(error, "errors") else []
    said = [f"{'.'.join(map(str, each['loc']))} ({each['type']})" for each in found[:5]]
    return ", ".join(said) or None


def _sqlstate(error: BaseException) -> str | None:
    """The code of a driver's error, of whichever driver."""
    origin = getattr(error, "orig", None) or error
    code = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    return f"SQLSTATE {code}" if isinstance(code, str) else None
