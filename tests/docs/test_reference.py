"""The reference: generated parts are up to date, and the samples are what they claim to be."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seeder.catalog.loader import load
from seeder.errors import ConfigurationInvalid
from tests.docs.pages import DOCS, write_files


def test_generated_parts_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    stale: Callable[[], Any] = runpy.run_path(str(DOCS / "generate.py"))["stale"]
    pages = [str(page.relative_to(DOCS.parent)) for page, _ in stale()]
    assert pages == [], "`make docs` brings them up to date"


@pytest.mark.parametrize("environment", ["production", "dev"])
def test_the_samples_of_the_seed_file_page_are_a_catalog(tmp_path: Path, environment: str) -> None:
    write_files(DOCS / "reference/seed-files.md", tmp_path)
    catalog = load(
        tmp_path / "db",
        environment=environment,
        environ={"SMTP_PASSWORD": "hidden", "DEV_PASSWORD": "hidden", "FIRST_PASSWORD": "hidden"},
    )
    sets = {each.name: [row.key for row in each.rows] for each in catalog.sets}
    users = sets.pop("developer_account", None)
    assert users == (["dev@example.test"] if environment == "dev" else None)
    assert sets == {
        "countries": ["AQ", "CH"],
        "permissions": ["orders.view", "orders.refund"],
        "roles": ["owner", "viewer"],
        "role_permissions": ["owner,orders.view", "viewer,orders.view"],
        "settings": ["smtp_password"],
        "accounts": ["support@example.test"],
        "staff": ["root@example.test"],
    }
    assert [task.name for task in catalog.tasks] == ["2026.11_close_trials", "assign_free_tier"]


@pytest.mark.parametrize("value", ["NO", "010", "0x1F", "1_000", "1:30", "1e5"])
def test_the_values_that_the_page_says_are_refused_are_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "seeds/core").mkdir(parents=True)
    (tmp_path / "seeder.toml").write_text("[migrations]\nnone = true\n")
    (tmp_path / "seeds/core/a.yaml").write_text(f"table: a\nkey: k\nrows: [{{k: {value}}}]\n")
    with pytest.raises(ConfigurationInvalid):
        load(tmp_path, environment="production", environ={})
