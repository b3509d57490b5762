"""Two images take turns on one database, and say differently how its documents are merged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import Shop

TABLE = "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, settings jsonb)"
WHOLE = ""
INSIDE = "columns: {settings: {merge: map}}\n"


def image(like: Shop, directory: Path, *, release: int, head: str, **settings: Any) -> Shop:
    """An image of the shop: its release, and what it says of the one role's settings."""
    shutil.copytree(like.directory / "migrations", directory / "migrations", dirs_exist_ok=True)
    made = Shop(directory=directory, database=like.database, scripts=like.scripts)
    made.configure(release=str(release))
    rows = f"rows:\n  - {json.dumps({'code': 'a', 'settings': settings})}\n"
    made.seed("roles", f"table: roles\nkey: code\n{head}{rows}")
    return made


def settings(shop: Shop) -> Any:
    return shop.value("SELECT settings FROM roles")


@pytest.mark.parametrize(("first", "second"), [(WHOLE, INSIDE), (INSIDE, WHOLE), (INSIDE, INSIDE)])
def test_an_image_that_comes_back_leaves_what_the_other_merged(
    empty_shop: Shop, tmp_path: Path, first: str, second: str
) -> None:
    empty_shop.scripts.add("0001", TABLE)
    old = image(empty_shop, tmp_path / "old", release=1, head=first, x=1, y=1)
    new = image(empty_shop, tmp_path / "new", release=2, head=second, x=2, y=1)
    assert old.run().exit_code == 0
    edited = {"x": 1, "y": 1, "mine": 1}
    old.database.execute("UPDATE roles SET settings = %s::jsonb", json.dumps(edited))
    for _ in range(2):
        assert new.run().exit_code == 0
        live = edited | {"x": 2} if second else edited
        assert settings(new) == live
        before = (
            new.rows("SELECT xmin, settings::text FROM roles"),
            new.rows("SELECT * FROM seeder.base_1"),
        )
        # Its release was applied before: nothing is undone, nothing forgotten.
        assert old.run().exit_code == 0
        assert before == (
            old.rows("SELECT xmin, settings::text FROM roles"),
            old.rows("SELECT * FROM seeder.base_1"),
        )
    third = image(empty_shop, tmp_path / "new", release=3, head=INSIDE, x=2, y=3)
    assert third.run().exit_code == 0
    # What stood in the way as a whole does not any more: each part is decided by itself.
    assert settings(third) == edited | {"x": 2, "y": 3}


def test_an_image_asked_to_update_merges_back_to_what_it_wants_and_loses_nothing(
    empty_shop: Shop, tmp_path: Path
) -> None:
    empty_shop.scripts.add("0001", TABLE)
    old = image(empty_shop, tmp_path / "old", release=1, head=INSIDE, x=1, y=1)
    new = image(empty_shop, tmp_path / "new", release=2, head=INSIDE, x=2, z=1)
    assert old.run().exit_code == 0
    old.database.execute("UPDATE roles SET settings = settings || '{\"mine\": 1}'")
    for _ in range(2):
        assert new.run("--mode", "update").exit_code == 0
        assert settings(new) == {"x": 2, "z": 1, "mine": 1}
        assert old.run("--mode", "update").exit_code == 0
        assert settings(old) == {"x": 1, "y": 1, "mine": 1}


def test_an_image_older_than_the_schema_leaves_the_documents_of_a_newer_one_alone(
    empty_shop: Shop, tmp_path: Path
) -> None:
    empty_shop.scripts.add("0001", TABLE)
    old = image(empty_shop, tmp_path / "old", release=1, head=WHOLE, x=1, y=1)
    assert old.run().exit_code == 0
    empty_shop.scripts.add("0002", "CREATE INDEX roles_settings ON roles (settings)")
    new = image(empty_shop, tmp_path / "new", release=2, head=INSIDE, x=2, y=1)
    new.database.execute("UPDATE roles SET settings = settings || '{\"mine\": 1}'")
    assert new.run().exit_code == 0
    before = new.snapshot()
    done = old.run("--mode", "update")
    assert (done.exit_code, done.finished["result"]) == (0, "older-image")
    assert new.snapshot() == before
    assert settings(new) == {"x": 2, "y": 1, "mine": 1}
