"""What the image is, apart from what it does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from seeder import __version__
from tests.container.conftest import ROOT, RunJob, docker

LARGEST = 84_000_000
"""Bytes, uncompressed. Raise it knowingly, and docs/image.md with it."""


@pytest.fixture(scope="module")
def config(image: str) -> dict[str, Any]:
    (inspected,) = json.loads(docker("image", "inspect", image).stdout)
    return {**inspected["Config"], "Size": inspected["Size"]}


def python(run_job: RunJob, program: str) -> str:
    done = run_job("-I", "-c", program, options=["--entrypoint", "/opt/seeder/bin/python3"])
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_image_runs_the_job_as_a_numeric_user(config: dict[str, Any]) -> None:
    assert config["Entrypoint"] == ["/opt/seeder/bin/seeder"]
    assert config["Cmd"] == ["run"]
    user, group = config["User"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"] == {"Test": ["NONE"]}


def test_image_says_what_it_is(config: dict[str, Any]) -> None:
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "seeder"
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert {
        "org.opencontainers.image.description",
        "org.opencontainers.image.version",
        "org.opencontainers.image.revision",
    } <= labels.keys()


def test_image_is_small(config: dict[str, Any]) -> None:
    assert config["Size"] < LARGEST


def test_the_pages_tell_what_the_image_and_its_layers_weigh(
    config: dict[str, Any], image: str
) -> None:
    layout = ("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}")
    layers = [
        int(line.partition(" ")[0]) / 1e6
        for line in docker(*layout, image).stdout.splitlines()
        if "COPY" in line
    ]
    page = (ROOT / "docs" / "image.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| (\w+) \| ([\d.]+) \|", page, re.MULTILINE))
    assert list(told) == ["interpreter", "packages", "seeder", "system"]
    seeder, packages, interpreter, system = layers  # the newest first
    real = {"interpreter": interpreter, "packages": packages, "seeder": seeder, "system": system}
    # The base image's libraries come and go by a few percent.
    assert {name: float(size) for name, size in told.items()} == pytest.approx(
        real, rel=0.05, abs=0.3
    )
    total = pytest.approx(config["Size"] / 1e6, rel=0.03)
    (whole,) = re.findall(r"^([\d.]+) MB on amd64, ", page, re.MULTILINE)
    (readme,) = re.findall(r"image.md\), (\d+) MB", (ROOT / "README.md").read_text("utf-8"))
    assert float(whole) == total
    assert float(readme) == total


@pytest.mark.parametrize("arguments", [["--version"], ["seeder", "--version"]])
def test_version_is_told_with_and_without_the_commands_name(
    run_job: RunJob, arguments: list[str]
) -> None:
    done = run_job(*arguments)
    assert (done.exit_code, done.output.strip()) == (0, f"seeder {__version__}")


def test_image_holds_no_shell_pip_or_compiler(image: str, run_job: RunJob) -> None:
    for program in ("sh", "bash", "pip", "gcc", "cc", "apt-get"):
        done = docker("run", "--rm", "--entrypoint", program, image, check=False)
        assert done.returncode == 127, program
    program = "import importlib.util as u; print([u.find_spec(m) for m in ('pip', 'ensurepip')])"
    assert python(run_job, program) == "[None, None]"


def test_every_module_is_compiled_and_belongs_to_the_image(run_job: RunJob) -> None:
    program = """
import importlib.util, pathlib, sys
loose = [str(source) for source in pathlib.Path("/opt/seeder/lib").rglob("*.py")
         if "/starter/" not in str(source)
         and not pathlib.Path(importlib.util.cache_from_source(source)).exists()]
outside = [path for path in sys.path if not path.startswith("/opt/seeder/")]
print(loose, outside)
"""
    assert python(run_job, program) == "[] []"


def test_every_shared_library_comes_from_the_image(run_job: RunJob) -> None:
    program = """
import alembic.command, ctypes, hashlib, msgspec, psycopg.pq, sqlalchemy.orm, ssl, yaml._yaml
mapped = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
print([path for path in mapped if not path.startswith("/opt/seeder/lib")])
"""
    assert python(run_job, program) == "[]"
