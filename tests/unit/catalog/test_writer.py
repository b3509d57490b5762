"""Seed sets written as YAML are read back as what they were."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeder.catalog.authoring import writer
from seeder.catalog.formats.nodes import Mapping, Node, Scalar, Sequence
from seeder.catalog.formats.problems import Problems
from seeder.catalog.formats.yaml_reader import read_yaml
from seeder.merge.model import Text


def read(text: str) -> Node | None:
    problems = Problems()
    node = read_yaml(text, file="x.yaml", problems=problems)
    problems.raise_if_any("x")
    return node


def value_of(node: Node | None) -> Any:
    match node:
        case Scalar():
            if node.tag == "json":
                return json.loads(str(node.value), parse_float=Decimal)
            return node.value
        case Mapping():
            return {key: value_of(each) for key, each in node.items.items()}
        case Sequence():
            return [value_of(each) for each in node.items]
    raise AssertionError(node)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(TEXTS)
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    value = value_of(read(f"rows:\n  - {{a: {writer.scalar(text)}, b: 1}}\n"))
    assert value == {"rows": [{"a": text, "b": 1}]}
    assert not isinstance(value["rows"][0]["a"], Text)


@pytest.mark.parametrize(
    "text", ["NO", "on", "010", "1:30", "null", "~", "true", "1e3", "2026-11-01", "", " a", "a: b"]
)
def test_text_that_could_be_misread_is_quoted(text: str) -> None:
    assert writer.scalar(text) == f'"{text}"'


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_numbers_keep_their_digits(number: Decimal) -> None:
    assert str(value_of(read(f"[{writer.number(f'{number:f}')}]"))[0]) == f"{number:f}"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e+20", "1e-07"])
def test_numbers_that_yaml_does_not_know_are_quoted(text: str) -> None:
    assert writer.number(text) == f'"{text}"'


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(DOCUMENTS)
def test_any_document_is_read_back_as_it_was(document: Any) -> None:
    written = writer.document(json.dumps(document, ensure_ascii=False))
    assert value_of(read(f"a: {written}\n")) == {"a": document}


def test_documents_that_yaml_would_read_differently_keep_their_form() -> None:
    assert writer.document("null") == '!json "null"'
    assert writer.document('{"<<": {"a": 1}}').startswith("!json ")
    deep = "[" * 90 + "]" * 90
    assert value_of(read(f"a: {writer.document(deep)}\n"))["a"] == json.loads(deep)


def test_a_file_is_short_where_rows_share_values(tmp_path: Path) -> None:
    assert writer.seed_file(
        table="app.roles",
        key=["name"],
        scope={},
        columns={"tier_id": "{ref: tiers}"},
        defaults={"is_active": "true"},
        rows=[{"name": "owner", "odd name": "1"}],
        remarks=["note: left out"],
    ) == (
        "# note: left out\ntable: app.roles\nkey: name\ncolumns:\n  tier_id: {ref: tiers}\n"
        'defaults: {is_active: true}\nrows:\n  - {name: owner, "odd name": 1}\n'
    )
