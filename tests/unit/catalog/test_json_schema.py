"""The JSON Schema says what the catalog says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import seeder
from seeder.catalog.declaring.columns import COLUMN_KEYS
from seeder.catalog.declaring.declaration import KEYS
from seeder.cli import main
from seeder.merge.model import Conflict, Nulls, Removed, Update, Way, When

HERE = Path(seeder.__file__).parent
TEXT = (HERE / "starter" / "seeds.schema.json").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads(TEXT)
COLUMN = SCHEMA["properties"]["columns"]["additionalProperties"]["properties"]
VALIDATOR = Draft202012Validator(SCHEMA)


class Loader(yaml.SafeLoader):
    """Takes !env, !file and !json for the text behind them."""


for tag in ("!env", "!file", "!json"):
    Loader.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))


def problems(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.load(text, Loader))]


def seed_files() -> Iterator[Path]:
    for project in (HERE / "starter", HERE / "templates" / "db"):
        yield from sorted(project.glob("seeds/*/*.yaml"))


@pytest.mark.parametrize("file", list(seed_files()), ids=lambda file: file.stem)
def test_every_seed_file_that_seeder_brings_is_valid(file: Path) -> None:
    assert problems(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", list(seed_files()), ids=lambda file: file.stem)
def test_every_seed_file_that_seeder_brings_names_the_schema_to_editors(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert named != first
    # `seeder init` puts the starter's beside the seeder.toml that it writes.
    assert (file.parent / named).resolve() == file.parents[2] / "seeds.schema.json"


def test_the_schema_has_the_keys_that_the_reader_knows_in_its_order() -> None:
    assert list(SCHEMA["properties"]) == list(KEYS)
    assert list(COLUMN) == list(COLUMN_KEYS)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (SCHEMA["properties"]["nulls"], Nulls),
        (SCHEMA["properties"]["when"], When),
        (SCHEMA["properties"]["conflict"], Conflict),
        (COLUMN["update"], Update),
        (COLUMN["merge"], Way),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_schema_has_the_choices_that_the_reader_knows(
    schema: dict[str, Any], kind: type[StrEnum]
) -> None:
    assert schema["enum"] == [each.value for each in kind]
    assert schema["default"] in schema["enum"]


def test_the_schema_has_the_choices_of_removed_and_of_paths() -> None:
    removed = SCHEMA["properties"]["removed"]["oneOf"][0]["enum"]
    assert removed == [each.value for each in Removed if each is not Removed.SET]
    path = COLUMN["paths"]["additionalProperties"]["properties"]
    choices = {"merge": Way, "update": Update, "conflict": Conflict}
    assert {name: path[name]["enum"] for name in choices} == {
        name: [each.value for each in kind] for name, kind in choices.items()
    }


def test_all_keys_at_once_are_valid() -> None:
    assert (
        problems(
            """
            table: app.roles
            key: [name, kind]
            scope: {organization_id: null}
            when: missing
            removed: {set: {is_active: false}}
            deleted: deleted_at
            conflict: overwrite
            environments: dev
            defaults: {is_active: true}
            columns:
              tier_id: {ref: tiers, update: always, was: tier}
              currency_id: {ref: {table: currencies, key: code}}
              permission_id: {ref: permissions, expand: true}
              password: {secret: true, update: never}
            moved: [{from: old, to: new}, {from: [a, b], to: [c, d]}]
            rows:
              - {name: a, kind: 1, permission_id: ["*", "!dev.*"], data: {a: [1, null]}}
              - {name: !env NAME, kind: !file x.txt}
            """
        )
        == []
    )


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        ("unknown key", "table: a\nkey: b\nrow: []\nrows: []"),
        ("no table", "key: b\nrows: []"),
        ("no key", "table: a\nrows: []"),
        ("no rows", "table: a\nkey: b"),
        ("two sources of rows", "table: a\nkey: b\nrows: []\nrows_from: a.csv"),
        ("three parts of a table", "table: a.b.c\nkey: b\nrows: []"),
        ("a key twice", "table: a\nkey: [b, b]\nrows: []"),
        ("an empty key", "table: a\nkey: []\nrows: []"),
        ("a row that is no mapping", "table: a\nkey: b\nrows: [c]"),
        ("rows that are no list", "table: a\nkey: b\nrows: {b: c}"),
        ("an unknown choice", "table: a\nkey: b\nwhen: always\nrows: []"),
        ("an unknown removal", "table: a\nkey: b\nremoved: set\nrows: []"),
        ("a removal that sets nothing", "table: a\nkey: b\nremoved: {set: {}}\nrows: []"),
        ("an unknown rule", "table: a\nkey: b\ncolumns: {c: {refs: d}}\nrows: []"),
        (
            "a reference without a key",
            "table: a\nkey: b\ncolumns: {c: {ref: {table: d}}}\nrows: []",
        ),
        ("expand without ref", "table: a\nkey: b\ncolumns: {c: {expand: true}}\nrows: []"),
        ("a move without an end", "table: a\nkey: b\nmoved: [{from: c}]\nrows: []"),
        ("a bare list", "- {a: 1}"),
    ],
)
def test_a_mistake_is_marked(mistake: str, text: str) -> None:
    assert problems(text), mistake


def test_the_schema_itself_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"], {}) == 0
    assert capsys.readouterr().out == TEXT
