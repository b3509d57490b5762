"""docs/from/*.md, carried out with the real frameworks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.docs.shell import carry_out

PAGES = sorted((DOCS / "from").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_way_from_elsewhere_is_as_the_page_says(
    page: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    assert carry_out(page, tmp_path, environ) > 15
