"""docs/architecture.md names rooms that exist, all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "architecture.md"
TEN = ROOT / "docs" / "decisions" / "where-ten-changes-go.md"
_PATH = re.compile(r"`([a-z_.]+/(?:[a-z_./]*(?:/|\.py))?)`")


def named(page: Path) -> set[str]:
    """The modules and folders that a page names."""
    return set(_PATH.findall(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", [PAGE, TEN], ids=lambda page: page.stem)
def test_every_module_and_folder_that_is_named_exists(page: Path) -> None:
    found = named(page)
    assert len(found) > 10
    homes = (ROOT, ROOT / "seeder" / "database")  # one line of the table is about that folder
    assert {
        name
        for name in found
        if not any(
            (home / name).is_dir() if name[-1] == "/" else (home / name).is_file() for home in homes
        )
    } == set()


def test_the_room_of_each_of_the_ten_changes_is_found_from_the_page_alone() -> None:
    rows = [line for line in TEN.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    rooms = [_PATH.findall(row.split(" | ")[1]) for row in rows[1:]]
    assert len(rooms) == 10
    assert {room for (room,) in rooms} - named(PAGE) == set()


def test_a_folder_of_many_modules_is_listed_by_its_parts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = {
        container.replace(".", "/")
        for contract in project["tool"]["importlinter"]["contracts"]
        for container in contract.get("containers", ())
    }
    assert {"seeder/catalog", "seeder/database", "seeder/database/ledger"} <= held
    parts = {
        f"{folder}/{path.name}{'/' if path.is_dir() else ''}"
        for folder in held - {"seeder/configuration"}  # four modules, one line
        for path in (ROOT / folder).iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert parts - named(PAGE) == set()


def test_no_folder_holds_more_modules_than_one_can_survey() -> None:
    crowded = {
        str(folder.relative_to(ROOT))
        for folder in (ROOT / "seeder").rglob("*")
        if folder.is_dir() and len(list(folder.glob("*.py"))) > 20
    }
    assert crowded == {"seeder/commands"}, "one module for each command, and nothing else"
