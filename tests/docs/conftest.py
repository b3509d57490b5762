"""Where the pages are carried out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from seeder.database.embedded.embedded_files import find_programs
from tests.docs.pages import ROOT
from tests.support.postgres import Database


@pytest.fixture
def environ(database: Database, tmp_path: Path) -> dict[str, str]:
    """A user's environment: seeder and psql on the path, and an empty database."""
    path = [str(Path(sys.executable).parent), str(find_programs(None)), os.environ["PATH"]]
    return {
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "DATABASE_URL": database.url,
    }
