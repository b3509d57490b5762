"""docs/tutorial.md, carried out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.docs.shell import carry_out, matches


def test_the_tutorial_does_what_it_says(tmp_path: Path, environ: dict[str, str]) -> None:
    assert carry_out(DOCS / "tutorial.md", tmp_path, environ) > 20


@pytest.mark.parametrize(
    ("expected", "said", "same"),
    [
        ("Done in ... s.\n", "Done in 1.2 s.\n", True),
        ("Done in ... s.\n...\n", "Done in 1.2 s.\n  more\n  and more\n", True),
        ("a\n", "a\nb\n", False),
        ("a +b\n", "a +b  \n\n", True),
    ],
)
def test_outputs_are_compared_but_for_ellipses(expected: str, said: str, same: bool) -> None:
    assert matches(expected, said) is same
