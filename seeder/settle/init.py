"""`seeder init DIR`: a project that works at once."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from seeder.catalog.project.project import identity_for
from seeder.configuration.whereabouts import STARTER
from seeder.errors import ConfigurationInvalid

TEMPLATES = Path(__file__).parent.parent / "templates"

_PROJECT = Path("db/seeder.toml")
_SCHEMA = "#:schema ./seeder.schema.json"
_WHY = """\
# Which project this is: the ledger of a database keeps it, and refuses the image of another.
# It stays as it is for good, and no other project has it."""
_IGNORE = Path(".gitignore")
_IGNORED = "__pycache__/\n/.seeder/\n/.env\n"
_FROM_STARTER = (
    "alembic.ini",
    "migrations/env.py",
    "migrations/script.py.mako",
    "seeder.schema.json",
    "seeds.schema.json",
)
"""Files of the bundled project that are the same in every one."""


def init(directory: Path) -> tuple[Path, ...]:
    """Write a project below a directory; returns its files, relative to it.

    A .gitignore that is there already stays. Raises ConfigurationInvalid where any other of the
    files is, or the directory `db`.
    """
    sources = {
        path.relative_to(TEMPLATES): path
        for path in sorted(TEMPLATES.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    sources |= {Path("db", name): STARTER / name for name in _FROM_STARTER}
    taken = [name for name in (Path("db"), *sorted(sources)) if (directory / name).exists()]
    if taken or (directory.exists() and not directory.is_dir()):
        raise ConfigurationInvalid(
            f"{directory / taken[0]} is there already."
            if taken
            else f"{directory} is no directory.",
            hint="Nothing was written. Name another directory, and copy from it what you need.",
            code="file-exists",
        )
    written = []
    try:
        for name, source in sorted(sources.items()):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            # Not its mode: an installed package may be read-only.
            if name == _PROJECT:
                identity = identity_for(directory.absolute() / "db", secrets.token_hex(4))
                (directory / name).write_text(
                    f'{_SCHEMA}\n\n{_WHY}\nidentity = "{identity}"\n\n{source.read_text()}'
                )
            else:
                shutil.copyfile(source, directory / name)
            written.append(name)
        if not (directory / _IGNORE).exists():
            (directory / _IGNORE).write_text(_IGNORED)
            written.append(_IGNORE)
    except OSError as error:
        raise ConfigurationInvalid(
            f"Cannot write to {directory}: {error.strerror}.", code="file-not-written"
        ) from None
    return tuple(written)
