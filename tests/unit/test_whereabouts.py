"""Where a project is that nobody has named."""

from __future__ import annotations

from pathlib import Path

import pytest

from seeder.configuration.options import Unacceptable, parse_option
from seeder.configuration.whereabouts import STARTER, NotFound, nearest


def project(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "seeder.toml").write_text("")
    return directory


def test_a_directory_with_a_seeder_toml_is_its_own_project(tmp_path: Path) -> None:
    assert nearest(project(tmp_path)) == tmp_path


def test_a_project_in_db_is_found(tmp_path: Path) -> None:
    project(tmp_path / "db")
    assert nearest(tmp_path) == tmp_path / "db"


def test_pyproject_toml_names_the_project(tmp_path: Path) -> None:
    project(tmp_path / "db")
    project(tmp_path / "data")
    (tmp_path / "pyproject.toml").write_text('[tool.seeder]\nproject = "data"\n')
    assert nearest(tmp_path) == tmp_path / "data"


def test_the_nearest_project_above_is_found(tmp_path: Path) -> None:
    project(tmp_path)
    inner = project(tmp_path / "services" / "shop" / "db")
    below = tmp_path / "services" / "shop" / "src" / "pages"
    below.mkdir(parents=True)
    assert nearest(below) == inner


def test_a_pyproject_toml_that_is_not_about_seeder_is_passed_by(tmp_path: Path) -> None:
    project(tmp_path / "db")
    (tmp_path / "pyproject.toml").write_text("this is not TOML")
    assert nearest(tmp_path) == tmp_path / "db"


@pytest.mark.parametrize("value", ['"elsewhere"', "7", '""'])
def test_a_pyproject_toml_that_names_no_project_is_told(tmp_path: Path, value: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.seeder]\nproject = {value}\n")
    with pytest.raises(NotFound, match=r"pyproject\.toml names .* where there is no seeder\.toml"):
        nearest(tmp_path)


def test_a_broken_pyproject_toml_about_seeder_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.seeder\n")
    with pytest.raises(NotFound, match=r"pyproject\.toml cannot be read"):
        nearest(tmp_path)


def test_without_a_project_it_is_said_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as found:
        nearest(tmp_path)
    for way in ("--project", "SEEDER_PROJECT", "seeder init", "--project starter"):
        assert way in found.value.remedy


def test_the_starter_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_option("project", "starter") == STARTER
    project(tmp_path / "starter")
    with pytest.raises(Unacceptable, match=r"Write \./starter for the directory"):
        parse_option("project", "starter")
    assert parse_option("project", "./starter") == tmp_path / "starter"
