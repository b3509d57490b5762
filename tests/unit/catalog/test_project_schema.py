"""The JSON Schema of seeder.toml says what its reader says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

import seeder
from seeder.catalog.formats.problems import Problems
from seeder.catalog.project.project import (
    EXPAND_LIMIT,
    FILE,
    IDENTITY,
    MIGRATION_KEYS,
    SEEDS_KEYS,
    TOP_KEYS,
    parse_project,
)
from seeder.cli import main
from seeder.settle.init import init

HERE = Path(seeder.__file__).parent
TEXT = (HERE / "starter" / "seeder.schema.json").read_text(encoding="utf-8")
SCHEMA = json.loads(TEXT)
VALIDATOR = Draft4Validator(SCHEMA)


def problems(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))]


def read(directory: Path, text: str) -> Problems:
    (directory / FILE).write_text(text)
    (directory / "migrations" / "versions").mkdir(parents=True)
    (directory / "seeds").mkdir()
    (directory / "alembic.ini").touch()
    found = Problems()
    parse_project(directory, found)
    return found


RIGHT = [
    "",
    'identity = "shop-3f9c21ab"\nrelease = "2"\nsupersedes = ["1"]\n',
    '[migrations]\nalembic = "migrations"\nenv = "project"\nconfig = "alembic.ini"\n'
    'section = "a"\noptions = {tenant = "a"}\nimport = ["json"]\nflask = "app:app"\n'
    'version_table = "v"\nversion_table_schema = "s"\ntarget = "heads"\n',
    '[migrations]\ncommand = ["make", "migrate"]\ndigest = ["*.sql"]\n',
    '[migrations]\nnone = true\n[seeds]\npath = "seeds"\nexpand_limit = 20_000_000\n',
]
WRONG = [
    "releases = 1\n",
    "release = 1\n",
    'release = " "\n',
    'identity = "my shop"\n',
    'supersedes = ["1"]\n',
    "migrations = 1\n",
    "[migrations]\n",
    "[migrations]\nnone = false\n",
    '[migrations]\nnone = true\ncommand = ["a"]\n',
    "[migrations]\ncommand = []\n",
    '[migrations]\ncommand = ["a"]\ntarget = "head"\n',
    '[migrations]\nalembic = "migrations"\ndigest = ["*.sql"]\n',
    '[migrations]\nalembic = "migrations"\nenv = "mine"\n',
    '[migrations]\nalembic = "migrations"\noptions = {tenant = 1}\n',
    "[seeds]\nexpand_limit = 0\n",
    '[seeds]\npaths = "a"\n',
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_the_reader_takes_is_valid(text: str, tmp_path: Path) -> None:
    assert (len(read(tmp_path, text)), problems(text)) == (0, [])


@pytest.mark.parametrize("text", WRONG)
def test_what_the_reader_refuses_is_marked(text: str, tmp_path: Path) -> None:
    assert len(read(tmp_path, text)) > 0
    assert problems(text)


def test_the_schema_has_what_the_reader_knows_in_its_order() -> None:
    top = SCHEMA["properties"]
    assert list(top) == list(TOP_KEYS)
    assert list(top["migrations"]["properties"]) == list(MIGRATION_KEYS)
    assert list(top["seeds"]["properties"]) == list(SEEDS_KEYS)
    assert top["seeds"]["properties"]["expand_limit"]["default"] == EXPAND_LIMIT
    assert top["identity"]["pattern"] == f"^{IDENTITY}$"


def test_init_writes_the_schema_and_names_it_to_editors(tmp_path: Path) -> None:
    init(tmp_path)
    text = (tmp_path / "db" / FILE).read_text(encoding="utf-8")
    named = text.splitlines()[0].removeprefix("#:schema ")
    assert json.loads((tmp_path / "db" / named).read_text(encoding="utf-8")) == SCHEMA
    assert problems(text) == []


def test_the_schema_itself_is_valid() -> None:
    Draft4Validator.check_schema(SCHEMA)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "project"], {}) == 0
    assert capsys.readouterr().out == TEXT
