"""`seeder init DIR`, and what it says to do next, through the real `docker compose`."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seeder.cli import main
from tests.container.conftest import docker

Compose = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def compose(image: str, tmp_path: Path) -> Iterator[Compose]:
    """`docker compose` in a project that `seeder init` has just written, nothing else set up."""
    directory = tmp_path / f"shop-{uuid.uuid4().hex[:8]}"
    assert main(["init", str(directory)], {}) == 0

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return docker(
            *("compose", *arguments), cwd=directory, env={**os.environ, "SEEDER_IMAGE": image}
        )

    yield run
    run("down", "--volumes", "--timeout", "2")


def test_a_new_project_is_seeded_by_compose_at_once(compose: Compose) -> None:
    compose("run", "--rm", "seeder")
    psql = ("exec", "-T", "db", "psql", "-U", "app", "-d", "app", "-Atc")
    roles = compose(*psql, "SELECT name FROM roles ORDER BY id").stdout.split()
    assert roles == ["owner", "viewer"]
    again = compose("run", "--rm", "seeder")
    assert '"result": "nothing-to-do"' in again.stdout + again.stderr
    url = compose("run", "--rm", "secrets", "cat", "/run/secrets/database_url").stdout
    password = url.removeprefix("postgresql://app:").partition("@")[0]
    assert len(password) == 32
    ids = compose("ps", "--all", "--quiet").stdout.split()
    assert password not in docker("inspect", *ids).stdout
