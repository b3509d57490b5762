"""docs/plan.svg is what a terminal shows for the tutorial's plan."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.docs.pages import DOCS
from tests.docs.picture import picture
from tests.docs.shell import carry_out
from tests.report.terminal import on_a_terminal

PICTURE = DOCS / "plan.svg"
COLUMNS = 88
SOME_PLAN = "5e3de2" * 10 + "5e3d"


def test_the_picture_of_a_plan_is_of_the_plan_in_the_tutorial(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    carry_out(DOCS / "tutorial.md", tmp_path, environ, until="seeder plan")
    project = {"SEEDER_PROJECT": str(tmp_path / "shop/db"), "COLUMNS": str(COLUMNS)}
    code, shown = on_a_terminal(["plan"], {**environ, **project}, events=False)
    assert code == 0
    # A project that `seeder init` makes has an identity of its own, and so have its plans.
    shown = re.sub(r"[0-9a-f]{64}", SOME_PLAN, shown)
    drawn = picture(
        f"\x1b[2m$\x1b[0m \x1b[1mseeder plan\x1b[0m\n{shown}",
        title="What seeder plan shows: rows to insert and to update, and a conflict",
        columns=COLUMNS,
    )
    if os.environ.get("MEND_DOCS"):
        PICTURE.write_text(drawn, encoding="utf-8")
    assert drawn == PICTURE.read_text(encoding="utf-8"), "MEND_DOCS=1 draws it anew"
