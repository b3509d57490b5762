"""The bytes behind a catalog as one hash, for the unchanged path.

Only the standard library, and nothing is parsed but seeder.toml: an unchanged deploy
computes this while other things are still being imported.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from seeder.catalog.formats.files import is_inside, os_reason, walk
from seeder.catalog.formats.problems import Problems
from seeder.catalog.project.project import FILE, Project, parse_project, read_project
from seeder.errors import ConfigurationInvalid, Problem

_FORM = b"seeder-fingerprint-1\0"

_CHUNK = 1 << 20
"""Bytes. After each of them this thread waits for its turn among others, so they are large."""


def fingerprint(project: Path) -> str:
    """SHA-256, hex, over the names and bytes of all files that a catalog is read from.

    Those are seeder.toml, everything below the seeds and the migrations, what `digest`
    names, and every Python file of the project, since seeders may import it. Hidden
    files, caches, virtual environments and node_modules are left out. A seeder that
    reads a file elsewhere by itself escapes it.
    """
    return digest_of(read_project(project))


def digest_of(project: Project) -> str:
    """The fingerprint of a project whose seeder.toml is already read."""
    try:
        files = dict(_covered(project))
    except OSError as error:
        raise _unreadable(project.root, error) from error
    total = hashlib.sha256(_FORM)
    for name in sorted(files):
        total.update(name.encode("utf-8", "surrogateescape") + b"\0" + _hash(name, files[name]))
    return total.hexdigest()


def files_read(project: Path) -> tuple[list[Path], list[Path]]:
    """Files that a catalog is read from, and directories whose every file is; some are missing.

    Of a project whose seeder.toml cannot be read, as far as can be told without it.
    """
    toml = project / FILE
    found = parse_project(project, Problems())
    if found is None:
        return [toml], [project / "seeds", project / "migrations"]
    directories = [found.seeds, found.migrations.alembic]
    try:
        files = [Path(path) for _, path in _covered(found) if path is not None]
    except OSError:
        files = [toml]
    return files, [each for each in directories if each is not None]


def _covered(project: Project) -> Iterator[tuple[str, str | None]]:
    """Names, and where to read them; None: nowhere."""
    root = project.root
    yield FILE, str(root / FILE)
    for name in ("alembic.ini", "pyproject.toml"):
        if project.migrations.alembic is not None and (root / name).is_file():
            yield name, str(root / name)
    if project.migrations.config is not None:
        config = project.migrations.config
        yield os.path.relpath(config, root), str(config)
    for directory, only in (
        (root, ".py"),
        (project.seeds, ""),
        (project.migrations.alembic, ""),
    ):
        if directory is not None and directory.is_dir():
            for found in walk(root, directory, only=only):
                yield found.name, None if found.outside else found.file
    for glob in project.migrations.command_digest:
        # Before Python 3.13 a final `**` finds directories only.
        for path in root.glob(glob + "/*" if glob.endswith("**") else glob):
            if path.is_file() and is_inside(root, path):
                yield project.name(path), str(path)


def _hash(name: str, path: str | None) -> bytes:
    try:
        status = None if path is None else os.stat(path)  # noqa: PTH116  # as in `files.Found`
    except (OSError, ValueError):
        status = None
    if path is None or status is None or not stat.S_ISREG(status.st_mode):
        # A link that leads nowhere or out: reading the catalog reports it.
        return bytes(32)
    try:
        found = hashlib.sha256()
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            view = memoryview(bytearray(min(_CHUNK, status.st_size + 1)))
            while size := file.readinto(view):
                found.update(view[:size])
        return found.digest()
    except OSError as error:
        raise _unreadable(Path(name), error) from error


def _unreadable(path: Path, error: OSError) -> ConfigurationInvalid:
    problem = Problem(message=f"cannot be read: {os_reason(error)}.", file=str(path))
    return ConfigurationInvalid(
        "1 problem in the catalog", problems=(problem,), code="catalog-invalid"
    )
