"""The seeds directory: which file is a seed set, which a task, and which does not belong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath

from msgspec import Struct

from seeder.catalog.formats.files import Found, os_reason, walk
from seeder.catalog.formats.problems import FileProblems, Problems
from seeder.catalog.project.project import Project

_DIRECTORIES = ("core", "update", "dev")
_SET_SUFFIXES = (".yaml", ".yml", ".json")
_NOTES = ("readme", "license", "changelog", "notes")


class Role(StrEnum):
    """What a file below the seeds is for."""

    SET = "set"
    """YAML or JSON; it is data if a set names it in `rows_from` or `!file`."""
    PYTHON = "python"
    SQL = "sql"
    DATA = "data"
    """Everything else; some set must reach it."""


class SeedFile(Struct, frozen=True, kw_only=True):
    """One file below the seeds."""

    path: Path
    name: str
    """Project-relative."""
    directory: str
    """`core`, `update` or `dev`."""
    role: Role


def seed_files(project: Project, problems: Problems) -> list[SeedFile]:
    """Every file below the seeds, sorted by name; what is out of place is a problem."""
    if not project.seeds.is_dir():
        return []
    found: list[SeedFile] = []
    seeds = PurePosixPath(project.name(project.seeds))
    try:
        entries = list(walk(project.root, project.seeds))
    except OSError as error:
        problems.add(f"cannot be read: {os_reason(error)}", file=str(seeds))
        return []
    strange: set[str] = set()
    for entry in entries:
        report = FileProblems(entry.name, problems)
        inner = PurePosixPath(entry.name).relative_to(seeds)
        directory = inner.parts[0] if len(inner.parts) > 1 else ""
        if not entry.name.isprintable():
            name = entry.name.encode("ascii", "backslashreplace").decode()
            remedy = "Rename it: a set is called by the name of its file."
            message = "has a name with characters that cannot be shown"
            problems.add(message, remedy=remedy, file=name)
        elif entry.outside:
            report.bad(None, "is a link that leads out of the project", "Copy it.")
        elif directory in _DIRECTORIES:
            each = _seed_file(entry, directory, report)
            if each is not None:
                found.append(each)
        elif directory:
            if directory not in strange:
                strange.add(directory)
                problems.add(
                    f"`{directory}` is not a directory of seeds",
                    remedy=problems.suggest(
                        directory, _DIRECTORIES, otherwise="Seeds are in core, update and dev."
                    ),
                    file=f"{seeds}/{directory}",
                )
        elif not _is_note(inner):
            remedy = f"Move it to {seeds}/core, {seeds}/update or {seeds}/dev."
            report.bad(None, "is in no directory of seeds", remedy)
    return found


def _seed_file(entry: Found, directory: str, report: FileProblems) -> SeedFile | None:
    name = PurePosixPath(entry.name)
    suffix = name.suffix
    if suffix == ".py":
        if name.name.startswith("_"):
            return None  # a module that the seeders beside it import
        role = Role.PYTHON
    elif directory == "update":
        if suffix in _SET_SUFFIXES:
            message = "rows do not belong into `update`, which holds tasks (.py, .sql)"
            remedy = "Move it to core or dev: an update merges rows from there."
            report.bad(None, message, remedy)
            return None
        role = Role.SQL if suffix == ".sql" else Role.DATA
    elif suffix == ".sql":
        report.bad(None, "SQL does not belong here", "Move it to update, as a task.")
        return None
    else:
        role = Role.SET if suffix in _SET_SUFFIXES else Role.DATA
    if role is Role.DATA and _is_note(name):
        return None
    return SeedFile(path=entry.path, name=entry.name, directory=directory, role=role)


def _is_note(name: PurePosixPath) -> bool:
    return name.suffix == ".md" or name.name.lower().startswith(_NOTES)


def check_strays(files: Sequence[SeedFile], *, reached: Iterable[str], problems: Problems) -> None:
    """Data that nothing names has most likely a wrong suffix, or was forgotten."""
    known = set(reached)
    # A Python seeder may open what lies beside it.
    beside_python = {PurePosixPath(each.name).parent for each in files if each.role is Role.PYTHON}
    for each in files:
        if each.role is not Role.DATA or each.name in known:
            continue
        if beside_python.isdisjoint(PurePosixPath(each.name).parents):
            problems.add(
                "no seed set uses this file",
                remedy="Name it in `rows_from:` or `!file`, or remove it; "
                "seed sets are .yaml, .json and .py files.",
                file=each.name,
            )
