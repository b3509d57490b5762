"""Where a command may write a file: nowhere that the project is read from, and through no link."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from seeder.catalog import files_read
from seeder.errors import ConfigurationInvalid, Problem

_DEVICES = (Path("/dev"), Path("/proc"))
"""Where links are the system's own: /dev/stdout."""

_OF_LIBPQ = ("PGPASSFILE", "PGSERVICEFILE", "PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT", "PGSSLCRL")


def require_place(
    option: str,
    path: Path,
    *,
    project: Path | None,
    environ: Mapping[str, str],
    inputs: tuple[Path | None, ...] = (),
) -> None:
    """Raise ConfigurationInvalid where writing to `path` would touch what is read.

    Args:
        option: that names it, for the message.
        path: the file that is to be written.
        project: its directory, if there is one: neither its files nor new ones among them are
            written.
        environ: variables that may name files.
        inputs: further files that the command reads.
    """
    message = _objection(path, project, environ, inputs)
    if message is not None:
        problem = Problem(
            message=f"{option} names {path}, {message}.",
            remedy="Name a file of its own, outside of the project's seeds and migrations.",
        )
        raise ConfigurationInvalid(
            "A setting is invalid.", problems=(problem,), code="settings-invalid"
        )


def _objection(
    path: Path, project: Path | None, environ: Mapping[str, str], inputs: tuple[Path | None, ...]
) -> str | None:
    if any(path.is_relative_to(each) for each in _DEVICES):
        return None
    if path.is_symlink():
        return "which is a link; none is followed"
    place = path.parent.resolve() / path.name
    files, directories = files_read(project) if project is not None else ([], [])
    if any(place.is_relative_to(each.resolve()) for each in directories):
        return "which is among the files that the project is read from"
    if any(_is_same(place, each) for each in files):
        return "which is a file that the project is read from"
    if any(_is_same(place, each) for each in (*inputs, *_named(environ)) if each is not None):
        return "which this command reads"
    return None


def _named(environ: Mapping[str, str]) -> Iterator[Path]:
    for name, value in environ.items():
        if value and (name.endswith("_FILE") or name in _OF_LIBPQ):
            yield Path(value)


def _is_same(place: Path, other: Path) -> bool:
    """Whether both are one file, also by a hard link; a path that is not there yet may be it."""
    try:
        return os.path.realpath(other) == str(place) or place.samefile(other)
    except (OSError, ValueError):
        return False
