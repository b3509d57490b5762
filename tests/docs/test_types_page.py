"""docs/types.md: each type comes out as its line says."""

from __future__ import annotations

import pytest

from tests.docs.pages import table_after
from tests.support.kinds import KINDS, Kind
from tests.support.merge import Project
from tests.support.type_cycle import HEAD, PAGE, line


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_type_comes_out_as_its_line_says(project: Project, kind: Kind) -> None:
    found = {
        row[0].strip("`"): tuple(row) for row in table_after(PAGE, "In the life of a database")
    }
    assert line(project, kind)[1:] == found[kind.type][1:]
    assert len(found[kind.type]) == len(HEAD)
