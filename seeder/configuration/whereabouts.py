"""Where the project is: as named, or the nearest from the working directory up.

Only the standard library: every deploy passes here.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

STARTER = Path(__file__).parent.parent / "starter"
"""The bundled project."""

STARTER_NAME = "starter"
"""What the bundled project is asked for by; a directory of this name is `./starter`."""

_FILE = "seeder.toml"


class NotFound(LookupError):
    """There is no project, or what names one is wrong: what it is, and what would be right."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


def nearest(start: Path) -> Path:
    """The project of a directory: its own, or that of the nearest one above it.

    A directory's project is itself where it holds seeder.toml, else what `[tool.seeder]` in its
    pyproject.toml names, else its `db` where that holds seeder.toml. Raises NotFound.
    """
    for directory in (start, *start.parents):
        if _is_file(directory / _FILE):
            return directory
        if _is_file(directory / "pyproject.toml"):
            named = _named(directory / "pyproject.toml")
            if named is not None:
                return named
        if _is_file(directory / "db" / _FILE):
            return directory / "db"
    raise NotFound(
        f"There is no project here: neither {start} nor a directory above it has a {_FILE}, a"
        f" db/{_FILE}, or a pyproject.toml with [tool.seeder].",
        f"Name the directory of {_FILE} with --project or SEEDER_PROJECT, or start a project with"
        f" `seeder init DIR`. `--project {STARTER_NAME}` is the bundled example.",
    )


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where it may not look


def _named(file: Path) -> Path | None:
    try:
        text = file.read_text("utf-8")
        # Looked at before it is parsed: what stands there may be nothing of ours, and broken.
        if "tool.seeder" not in text:
            return None
        document = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise NotFound(
            f"{file} cannot be read: {error}.", "Fix it, or name the project with --project."
        ) from None
    table = document.get("tool", {}).get("seeder")
    if not isinstance(table, dict) or "project" not in table:
        return None
    project = table["project"]
    if isinstance(project, str) and project and _is_file(file.parent / project / _FILE):
        return file.parent / project
    raise NotFound(
        f"{file} names {project!r} as the project, where there is no {_FILE}.",
        'Name the directory of seeder.toml below [tool.seeder], such as project = "db".',
    )
