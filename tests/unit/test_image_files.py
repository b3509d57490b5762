"""What the Dockerfile and the locks behind it promise, as far as they can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ["image.txt", "image-tools.txt"]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: name and arguments, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (name, rest)
        for name, _, rest in (line.partition(" ") for line in joined.split("\n") if line)
    ]


def last_stage() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, rest in instructions():
        if name == "FROM":
            found = {}
        found.setdefault(name, []).append(rest)
    return found


def test_image_is_built_in_two_stages_and_ends_on_nothing() -> None:
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert stages == ["python:3.13-slim AS build", "scratch"]
    assert "RUN" not in last_stage()


def test_image_is_started_without_a_shell_and_by_number() -> None:
    stage = last_stage()
    assert stage["ENTRYPOINT"] == ['["/opt/seeder/bin/seeder"]']
    assert stage["CMD"] == ['["run"]']
    assert stage["USER"] == ["10001:10001"]
    assert stage["STOPSIGNAL"] == ["SIGTERM"]
    assert stage["HEALTHCHECK"] == ["NONE"]


def test_nothing_is_installed_but_what_a_lock_names() -> None:
    runs = " && ".join(rest for name, rest in instructions() if name == "RUN")
    installs = [step for step in re.split(r"&&|;", runs) if "pip" in step and " install " in step]
    locked = [step for step in installs if re.search(r"-r \S+", step)]
    own = [step for step in installs if step not in locked]
    assert {lock for step in locked for lock in re.findall(r"-r requirements/(\S+)", step)} == {
        *LOCKS
    }
    for step in locked:
        assert "--require-hashes" in step
        assert "--no-deps" in step
    assert len(own) == 1, "the project itself"
    assert "--no-deps" in own[0]
    assert "--no-build-isolation" in own[0]
    assert own[0].rstrip().endswith(".")


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_each_package_by_hash_and_names_no_index(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    entries = re.sub(r"\\\n\s*", "", text).splitlines()
    packages = [line for line in entries if line and not line.startswith("#")]
    assert packages
    for line in packages:
        assert re.match(r"[a-z0-9-]+==[\w.]+ ", line), line
        assert "--hash=sha256:" in line
    assert not re.search(r"index|find-links|trusted-host|https?:", text)
