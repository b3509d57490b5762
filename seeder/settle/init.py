"""`seeder init DIR`: a project that works at once."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from seeder.catalog.project import identity_for
from seeder.errors import ConfigurationInvalid
from seeder.whereabouts import STARTER

TEMPLATES = Path(__file__).parent.parent / "templates"

_PROJECT = Path("db/seeder.toml")
_WHY = """\
# Which project this is: the ledger of a database keeps it, and refuses the image of another.
# It stays as it is for good, and no other project has it."""
_FROM_STARTER = (
    "alembic.ini",
    "migrations/env.py",
    "migrations/script.py.mako",
    "seeds.schema.json",
)
"""Files of the bundled project that are the same in every one."""


def init(directory: Path) -> tuple[Path, ...]:
    """Write a project below a new or empty directory; returns its files, relative to it.

    Raises ConfigurationInvalid where there is something already.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationInvalid(
            f"{directory} is not empty.",
            hint="Nothing was written. Name a new directory, or copy from one what you need.",
        )
    sources = {
        path.relative_to(TEMPLATES): path
        for path in sorted(TEMPLATES.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    sources |= {Path("db", name): STARTER / name for name in _FROM_STARTER}
    written = []
    try:
        for name, source in sorted(sources.items()):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            # Not its mode: an installed package may be read-only.
            if name == _PROJECT:
                (directory / name).write_text(_identified(directory.absolute() / "db", source))
            else:
                shutil.copyfile(source, directory / name)
            written.append(name)
    except OSError as error:
        raise ConfigurationInvalid(f"Cannot write to {directory}: {error.strerror}.") from None
    return tuple(written)


def _identified(root: Path, template: Path) -> str:
    line = f'identity = "{identity_for(root, secrets.token_hex(4))}"'
    return f"{_WHY}\n{line}\n\n{template.read_text()}"
