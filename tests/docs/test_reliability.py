"""docs/reliability.md: the tests that it names exist, and no test of a fault is left out."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "reliability.md"


def named() -> set[str]:
    """The tests of the page."""
    return set(re.findall(r"`(tests/[\w/]+\.py::test_\w+)`", PAGE.read_text(encoding="utf-8")))


def written(directory: str) -> set[str]:
    """The tests below a directory."""
    return {
        f"{path.relative_to(ROOT)}::{node.name}"
        for path in (ROOT / "tests" / directory).rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_test_that_the_page_names_exists() -> None:
    assert named()
    assert named() - written("") == set()


def test_every_test_of_a_fault_and_of_hostile_input_is_on_the_page() -> None:
    assert (written("fault") | written("hostile")) - named() == set()


def test_every_guarantee_has_a_test() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    without = [line for line in rows if "::test_" not in line and "shown by" not in line]
    assert without == []
