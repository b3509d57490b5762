"""The starter as files: what it promises to those who copy it."""

from __future__ import annotations

import hashlib
import re
import runpy
from pathlib import Path

import yaml

import seeder

STARTER = Path(seeder.__file__).parent / "starter"
SEEDS = STARTER / "seeds"


def seed_set(name: str) -> dict[str, object]:
    return yaml.safe_load((SEEDS / name).read_text(encoding="utf-8"))


def test_permissions_are_named_after_their_category() -> None:
    rows = seed_set("core/permissions.yaml")["rows"]
    assert len(rows) >= 40
    assert all(row["name"].startswith(f"{row['category']}.") for row in rows)


def test_every_pattern_matches_a_permission() -> None:
    names = [row["name"] for row in seed_set("core/permissions.yaml")["rows"]]
    for links in ("core/role_permissions.yaml", "core/tier_permissions.yaml"):
        for row in seed_set(links)["rows"]:
            for pattern in row["permission_id"]:
                glob = re.escape(pattern.removeprefix("!")).replace(r"\*", ".*")
                assert any(re.fullmatch(glob, name) for name in names), (links, pattern)


def test_links_that_expand_say_what_happens_to_lost_matches() -> None:
    for links in ("core/role_permissions.yaml", "core/tier_permissions.yaml"):
        assert seed_set(links)["removed"] == "delete"


def test_no_customer_tier_includes_the_staffs_permissions() -> None:
    for row in seed_set("core/tier_permissions.yaml")["rows"]:
        assert {"!dev.*", "!system.*"} <= set(row["permission_id"])


def test_no_file_of_the_starter_holds_a_password() -> None:
    for file in STARTER.rglob("*"):
        if file.suffix in {".yaml", ".py", ".sql", ".toml", ".ini"}:
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"password\w*[\"']?\s*[:=]\s*[\"']\w", text, re.I), file


def test_developer_password_hash_is_salted_and_checkable() -> None:
    password_hash = runpy.run_path(str(SEEDS / "dev/users.py"))["password_hash"]
    one, two = password_hash("correct horse"), password_hash("correct horse")
    assert one != two
    method, salt, digest = one.split("$")
    name, n, r, p = method.split(":")
    assert name == "scrypt"
    expected = hashlib.scrypt(
        b"correct horse",
        salt=salt.encode(),
        n=int(n),
        r=int(r),
        p=int(p),
        maxmem=132 * int(n) * int(r) * int(p),
    )
    assert digest == expected.hex()
