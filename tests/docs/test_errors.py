"""docs/reference/errors.md: a heading for each code of an error, with its exit code."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

from seeder import errors
from seeder.report.failure import describe
from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "reference/errors.md"
SECTION = re.compile(r"^## ([a-z-]+)\n\nExit code (\d+)", re.MULTILINE)


def classes() -> dict[str, type[errors.SeederError]]:
    return {
        name: each
        for name, each in vars(errors).items()
        if inspect.isclass(each) and issubclass(each, errors.SeederError)
    }


def codes_given() -> Iterator[tuple[str, int]]:
    """What errors are raised with, by every call in the code that gives a code."""
    known = classes()
    for file in sorted((ROOT / "seeder").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            for word in node.keywords:
                if word.arg != "code" or node.func.id == "Failure":
                    continue
                if ast.unparse(word.value) == "None":
                    continue
                assert isinstance(word.value, ast.Constant), f"{file}:{node.lineno} is no literal"
                # `LedgerMissing` of the panel is one too.
                error = known.get(node.func.id, errors.ConfigurationInvalid)
                yield str(word.value.value), error.exit_code


def test_each_code_has_a_section_with_its_exit_code_and_each_section_a_code() -> None:
    own = [(each("x").code, each.exit_code) for each in classes().values()]
    interrupted = describe(errors.Interrupted(2))
    unforeseen = describe(RuntimeError())
    others = [(each.code, each.exit_code) for each in (interrupted, unforeseen)]
    wanted = sorted({*own, *others, ("usage", 2), *codes_given()})
    sections = sorted((code, int(number)) for code, number in SECTION.findall(PAGE.read_text()))
    assert sections == wanted, "one section for each code, and one exit code"


def test_no_section_is_without_an_exit_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(SECTION.findall(text)) == len(re.findall(r"^## ", text, re.MULTILINE))


def test_a_code_is_said_where_the_class_would_say_less() -> None:
    assert errors.SeedingFailed("x").code == "seeding-failed"
    assert errors.SeedingFailed("x", code="rows-gone").code == "rows-gone"
