"""Releases have an order: what one has brought, another that does not build on it leaves alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.shop import Done, Shop

HEAD = """
    table: roles
    key: code
    removed: delete
    rows:
"""


def image(shop: Shop, release: str, *, supersedes: list[str] | None = None, **levels: int) -> None:
    """Put another image in place: its release, and the levels of its roles."""
    shop.configure(release=release)
    if supersedes is not None:
        text = (shop.directory / "seeder.toml").read_text()
        shop.write("seeder.toml", f"supersedes = {json.dumps(supersedes)}\n{text}")
    rows = "".join(f"      - {{code: {code}, level: {n}}}\n" for code, n in levels.items())
    shop.seed("roles", HEAD + rows)
    (shop.directory / "seeds/core/members.yaml").unlink(missing_ok=True)


def roles(shop: Shop) -> dict[str, int]:
    return dict(shop.rows("SELECT code, level FROM roles ORDER BY code"))


def warned(done: Done) -> list[str]:
    assert done.exit_code == 0, done.stderr
    return [each["message"] for each in done.named("run.warned")]


def is_ready(shop: Shop) -> Done:
    return shop.command("ready", "--release", SEEDER_WAIT_TIMEOUT="0.2")


def status(shop: Shop) -> Any:
    return json.loads(shop.command("status", "--json").stdout)


@pytest.fixture
def newer(shop: Shop) -> Shop:
    """A database that has 2026.9, and 2026.10 with one role more."""
    image(shop, "2026.9", owner=3)
    assert shop.run().exit_code == 0
    image(shop, "2026.10", owner=3, guest=0)
    assert shop.run().exit_code == 0
    return shop


def test_a_hotfix_of_an_older_release_leaves_what_the_newer_one_brought(newer: Shop) -> None:
    image(newer, "2026.9.1", owner=4)
    assert "does not build on release 2026.10" in newer.command("plan").stdout
    for _ in range(2):  # an unchanged deploy says so again
        (warning,) = warned(newer.run())
        assert "Release 2026.9.1 is left pending" in warning
        assert "2026.10" in warning
        assert "roles" in warning
    assert warned(newer.run("-q")) == [warning]
    assert roles(newer) == {"guest": 0, "owner": 3}
    assert status(newer)["held_back"] == warning
    assert status(newer)["pending"] == ["roles"]
    assert "release 2026.9.1 is not applied" in is_ready(newer).failed["message"]

    image(newer, "2026.10", owner=3, guest=0)
    assert warned(newer.run()) == []
    assert is_ready(newer).exit_code == 0
    image(newer, "2026.11", owner=4, guest=0)
    assert warned(newer.run()) == []
    assert roles(newer) == {"guest": 0, "owner": 4}


def test_a_hotfix_that_takes_nothing_back_is_applied(newer: Shop) -> None:
    newer.scripts.add("0003", "CREATE TABLE plans (code text PRIMARY KEY)")
    image(newer, "2026.9.1", owner=3, guest=0)
    newer.seed("plans", "table: plans\nkey: code\nrows: [{code: free}]\n")
    assert warned(newer.run()) == []
    assert is_ready(newer).exit_code == 0
    assert newer.rows("SELECT code FROM plans") == [("free",)]


def test_a_release_that_was_taken_back_by_hand_is_not_called_applied(newer: Shop) -> None:
    image(newer, "2026.9.1", owner=4)
    assert newer.run("--mode", "update").exit_code == 0
    assert roles(newer) == {"owner": 4}
    assert is_ready(newer).exit_code == 0

    image(newer, "2026.10", owner=3, guest=0)
    waits = "release 2026.9.1 took back what 2026.10 had brought"
    assert waits in is_ready(newer).failed["message"]
    assert "2026.10 (taken back by 2026.9.1)" in newer.command("status").stdout
    (warning,) = warned(newer.run())
    assert "Release 2026.10 is left pending: it does not build on release 2026.9.1" in warning
    assert roles(newer) == {"owner": 4}
    assert newer.run("--mode", "update").exit_code == 0
    assert roles(newer) == {"guest": 0, "owner": 3}
    assert is_ready(newer).exit_code == 0
    assert warned(newer.run()) == []


def test_a_release_that_says_what_it_builds_on_is_applied(newer: Shop) -> None:
    image(newer, "2026.9.1", supersedes=["2026.10"], owner=4)
    assert warned(newer.run()) == []
    assert roles(newer) == {"owner": 4}
    assert is_ready(newer).exit_code == 0


def test_a_rolled_back_image_changes_nothing_and_is_ready(newer: Shop) -> None:
    image(newer, "2026.9", owner=3)
    assert warned(newer.run()) == []
    assert roles(newer) == {"guest": 0, "owner": 3}
    assert is_ready(newer).exit_code == 0


def test_of_names_without_an_order_a_set_that_goes_back_is_left_pending(shop: Shop) -> None:
    for release, levels in (("5e9f", {"owner": 3}), ("b07c", {"owner": 3, "guest": 0})):
        image(shop, release, **levels)
        assert warned(shop.run()) == []
    image(shop, "77aa", owner=3)
    (warning,) = warned(shop.run())
    assert "it does not build on release b07c" in warning
    assert roles(shop) == {"guest": 0, "owner": 3}
    image(shop, "c41d", owner=3, guest=1)
    assert warned(shop.run()) == []
    assert roles(shop) == {"guest": 1, "owner": 3}


@pytest.mark.parametrize("value", ['"2026.9"', "[1]", '[""]'])
def test_what_a_release_supersedes_is_a_list_of_names(shop: Shop, value: str) -> None:
    shop.configure(release="2")
    text = (shop.directory / "seeder.toml").read_text()
    shop.write("seeder.toml", f"supersedes = {value}\n{text}")
    (problem,) = shop.run().failed["problems"]
    assert problem.startswith("seeder.toml:1: `supersedes` must be a list of releases.")
