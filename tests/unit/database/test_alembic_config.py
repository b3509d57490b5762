"""Where Alembic's configuration is found, and the directory that it is run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from seeder.catalog import read_project
from seeder.database.migrations.alembic_config import find, read
from seeder.errors import MigrationsInvalid
from seeder.merge.model import Migrations


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    directory = tmp_path / "repository/backend/shop/migrations"
    (directory / "versions").mkdir(parents=True)
    return directory


def ini(path: Path, location: str, *lines: str) -> Path:
    path.write_text("\n".join(["[alembic]", f"script_location = {location}", *lines, ""]))
    return path


def test_flask_migrate_s_own_is_run_from_beside_the_directory(scripts: Path) -> None:
    inside = ini(scripts / "alembic.ini", "migrations")
    ini(scripts.parent / "alembic.ini", "elsewhere")
    found = find(Migrations(alembic=scripts))
    assert (found.ini, found.directory) == (inside, scripts.parent)


def test_one_further_up_counts_if_it_names_this_script_directory(scripts: Path) -> None:
    backend = scripts.parents[1]
    ini(backend / "alembic.ini", "other")
    above = ini(backend.parent / "alembic.ini", "backend/shop/migrations")
    found = find(Migrations(alembic=scripts))
    assert (found.ini, found.directory) == (above, backend.parent)


def test_pyproject_counts_where_it_has_a_section_for_alembic(scripts: Path) -> None:
    (scripts.parent / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    toml = scripts.parents[1] / "pyproject.toml"
    toml.write_text("[tool.alembic]\nscript_location = '%(here)s/shop/migrations'\n")
    found = find(Migrations(alembic=scripts))
    assert (found.ini, found.toml, found.directory) == (None, toml, toml.parent)


def test_without_any_the_directory_is_that_of_the_scripts(scripts: Path) -> None:
    found = find(Migrations(alembic=scripts))
    assert (found.ini, found.toml, found.directory) == (None, None, scripts.parent)


def test_the_named_one_wins_and_may_be_above_the_project(scripts: Path) -> None:
    ini(scripts.parent / "alembic.ini", "migrations")
    named = ini(scripts.parents[1] / "staging.ini", "x", "[staging]", "colour = red")
    (scripts.parent / "seeder.toml").write_text(
        '[migrations]\nalembic = "migrations"\nconfig = "../staging.ini"\nsection = "staging"\n'
    )
    migrations = read_project(scripts.parent).migrations
    found = find(migrations)
    assert (found.ini, found.directory) == (named, named.parent)
    assert read(migrations).get_main_option("colour") == "red"


def test_a_section_that_is_not_there_is_named_with_those_that_are(scripts: Path) -> None:
    ini(scripts.parent / "alembic.ini", "migrations")
    with pytest.raises(
        MigrationsInvalid, match=r"alembic\.ini has no section \[staging\]"
    ) as caught:
        read(Migrations(alembic=scripts, section="staging"))
    assert caught.value.exit_code == 14
    assert "alembic" in (caught.value.hint or "")
