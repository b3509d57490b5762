"""docs/testing.md, carried out with pytest, SQLAlchemy, FastAPI and Django."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import DOCS
from tests.docs.shell import carry_out


def test_the_page_on_tests_does_what_it_says(tmp_path: Path, environ: dict[str, str]) -> None:
    assert carry_out(DOCS / "testing.md", tmp_path, environ) == 7
