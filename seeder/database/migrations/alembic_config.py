"""The project's Alembic configuration, and the surroundings in which `alembic` runs.

Found as Alembic finds it: an ini file inside of the script directory (Flask-Migrate's), beside or
above it, `[tool.alembic]` in a pyproject.toml, or the file that `config` names.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tomllib
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from alembic.config import Config
from msgspec import Struct

from seeder.errors import MigrationsInvalid, Problem
from seeder.merge.model import Migrations

_INI, _TOML = "alembic.ini", "pyproject.toml"


class Found(Struct, frozen=True, kw_only=True):
    """Where Alembic's configuration is, and the directory in which `alembic` is run."""

    directory: Path
    ini: Path | None = None
    toml: Path | None = None


def find(migrations: Migrations) -> Found:
    """Find the configuration; MigrationsInvalid where `config` names no file."""
    scripts = _scripts(migrations)
    if migrations.config is not None:
        if not migrations.config.is_file():
            message = f"there is no file {migrations.config}."
            raise MigrationsInvalid(
                "The migrations have no configuration.",
                problems=(Problem(message=f"[migrations] config: {message}", file="seeder.toml"),),
            )
        return _found(migrations.config.parent, scripts, named=migrations.config)
    if (scripts / _INI).is_file():
        return _found(scripts, scripts)
    for directory in scripts.parents:
        found = _found(directory, scripts)
        if found.ini is None and found.toml is None:
            continue
        # Further up it may be somebody else's.
        if directory == scripts.parent or _is_of(found, scripts):
            return found
    return Found(directory=scripts.parent)


def _found(directory: Path, scripts: Path, *, named: Path | None = None) -> Found:
    ini, toml = directory / _INI, directory / _TOML
    if named is not None and named.name == _TOML:
        toml = named
    elif named is not None:
        ini = named
    return Found(
        directory=scripts.parent if directory == scripts else directory,
        ini=ini if ini.is_file() else None,
        toml=toml if toml.is_file() and _has_section(toml) else None,
    )


def _has_section(toml: Path) -> bool:
    try:
        document = tomllib.loads(toml.read_text("utf-8"))
    except (ValueError, OSError):
        return False
    tool = document.get("tool")
    return isinstance(tool, dict) and "alembic" in tool


def _is_of(found: Found, scripts: Path) -> bool:
    """Whether the configuration's `script_location` is this script directory."""
    try:
        location = _config(found).get_alembic_option("script_location")
    except Exception:  # noqa: BLE001  # somebody else's file may be broken in any way
        return False
    return isinstance(location, str) and (found.directory / location).resolve() == scripts.resolve()


def read(migrations: Migrations) -> Config:
    """The configuration as `alembic` has it, with `options` as -x arguments and attributes.

    Raises MigrationsInvalid for a file that is none.
    """
    found = find(migrations)
    try:
        config = _config(found, section=migrations.section)
        config.cmd_opts = Namespace(
            x=[f"{name}={value}" for name, value in migrations.options], verbose=False, quiet=False
        )
        config.attributes.update(migrations.options)
        # Alembic's configuration interpolates %.
        config.set_main_option("script_location", str(migrations.alembic).replace("%", "%%"))
        if migrations.section is not None and found.ini is not None:
            _require_section(config, migrations.section, found.ini)
    except MigrationsInvalid:
        raise
    except Exception as error:  # noqa: BLE001  # a file may be broken in any way
        # configparser and tomllib quote the line that they cannot read.
        raise _unreadable(found, error) from None
    return config


def _config(found: Found, *, section: str | None = None) -> Config:
    config = Config(
        str(found.ini) if found.ini else None,
        toml_file=str(found.toml) if found.toml else None,
        ini_section=section or "alembic",
    )
    _ = config.file_config, config.toml_alembic_config
    return config


def _require_section(config: Config, section: str, ini: Path) -> None:
    text = ini.read_text("utf-8", "replace")
    if not re.search(rf"^\[{re.escape(section)}\]", text, re.MULTILINE):
        known = ", ".join(config.file_config.sections())
        raise MigrationsInvalid(
            f"{ini.name} has no section [{section}].",
            hint=f"It has {known}; [migrations] section names one." if known else None,
            problems=(Problem(message=f"There is no section [{section}].", file=ini.name),),
        )


def _unreadable(found: Found, error: Exception) -> MigrationsInvalid:
    file = found.ini or found.toml
    line = getattr(error, "lineno", None)
    kind = type(error).__name__
    return MigrationsInvalid(
        f"Alembic's configuration cannot be read: {kind}.",
        hint="`alembic heads` in its directory says the same, in full.",
        problems=(
            Problem(
                message=f"Alembic cannot read it: {kind}.",
                file=file.name if file else None,
                line=line if isinstance(line, int) else None,
            ),
        ),
    )


def version_directories(config: Config, migrations: Migrations) -> list[Path]:
    """Where the revisions are: `versions/`, or the configuration's `version_locations`."""
    directory = find(migrations).directory
    named = config.get_version_locations_list()
    if not named:
        return [_scripts(migrations) / "versions"]
    return [directory / each for each in named]


@contextlib.contextmanager
def as_alembic_runs(migrations: Migrations, config: Config) -> Iterator[None]:
    """Work in the project as `alembic` would; directory and import path are put back.

    What `prepend_sys_path` names, and the directories of configuration and project, can be
    imported, but not in front of what is installed: a folder of the project that is called as
    a library is would hide it, from Alembic and from seeder.
    """
    before, path = Path.cwd(), list(sys.path)
    directory = find(migrations).directory
    named = [
        str((directory / each).resolve()) for each in config.get_prepend_sys_paths_list() or ()
    ]
    sys.path += [*named, str(directory), str(_scripts(migrations).parent)]
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path


def _scripts(migrations: Migrations) -> Path:
    assert migrations.alembic is not None  # noqa: S101  # only these come here
    return migrations.alembic
