"""Tests of missing permission, which root does not know."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def ordinary_user(tmp_path: Path) -> Iterator[None]:
    """Run the test without root's right to read everything."""
    if os.geteuid() != 0:
        yield
        return
    top = Path(tempfile.gettempdir()).resolve()
    for directory in (tmp_path.resolve(), *tmp_path.resolve().parents):
        if directory == top or top not in directory.parents:
            break
        directory.chmod(directory.stat().st_mode | 0o055)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
