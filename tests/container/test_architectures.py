"""The image for arm64: that its packages exist, that it is built, and that it runs, emulated.

The emulated tests need a Linux that starts arm64's programs (docs/image.md); elsewhere they are
reported as not run.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seeder import __version__
from tests.container.conftest import IMAGES, ROOT, Database, RunJob, build, docker

GLIBC = ["2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5"]
"""What wheels may be built for: the newest of them came with Debian 10."""

BASE = "seeder-test-arm64"
ARM64 = ["--platform", "linux/arm64"]
EMULATORS = Path("/proc/sys/fs/binfmt_misc")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_locked_package_has_a_wheel_of_the_locked_hash(machine: str, tmp_path: Path) -> None:
    platforms = [f"manylinux_{version}_{machine}" for version in GLIBC]
    platforms += [f"manylinux2014_{machine}"]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--dest", str(tmp_path)),
        *("--python-version", "3.13", "--implementation", "cp", "--abi", "cp313"),
        *("--abi", "abi3", "--abi", "none"),
        *(part for platform in platforms for part in ("--platform", platform)),
        *("-r", str(ROOT / "requirements" / "image.txt")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    wheels = sorted(each.name for each in tmp_path.iterdir())
    lock = (ROOT / "requirements" / "image.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([a-z0-9-]+)==\S+(.*)", lock, re.MULTILINE)
    wanted = {name.replace("-", "_") for name, marker in entries if "win32" not in marker}
    assert {each.partition("-")[0].lower() for each in wheels} == wanted
    # Those with programs in them are for this machine: nothing would be built from source.
    compiled = [each for each in wheels if not each.endswith("-any.whl")]
    assert compiled
    assert all(each.endswith(f"{machine}.whl") for each in compiled)


@pytest.fixture(scope="module")
def arm64(engine: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image for arm64, of this checkout's Dockerfile on a base assembled from packages."""
    machine = docker("version", "--format", "{{.Server.Arch}}").stdout.strip()
    emulated = EMULATORS / "qemu-aarch64"
    if machine != "arm64" and not (emulated.exists() and "F" in emulated.read_text().split()[4]):
        pytest.skip("not run: nothing here starts the programs of arm64")
    build(IMAGES / "arm64", *ARM64, tag=BASE)
    written = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert written.count("FROM python:3.13-slim") == 1
    dockerfile = tmp_path_factory.mktemp("arm64") / "Dockerfile"
    dockerfile.write_text(written.replace("FROM python:3.13-slim", f"FROM {BASE}"))
    return build(ROOT, *ARM64, "--file", dockerfile, tag="seeder:test-arm64")


@pytest.mark.arm64
@pytest.mark.timeout(2400)
def test_the_image_for_arm64_does_the_job_and_so_does_its_directory_elsewhere(
    arm64: str, run_job: RunJob, db: Database, tmp_path: Path, project: Path
) -> None:
    # One test for all of it, so that no second worker waits for the build.
    (inspected,) = json.loads(docker("image", "inspect", arm64).stdout)
    assert inspected["Architecture"] == "arm64"
    page = (ROOT / "docs" / "image.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"([\d.]+) MB on arm64", page)
    assert float(told) == pytest.approx(inspected["Size"] / 1e6, rel=0.03)
    version = run_job("--version", image=arm64, options=ARM64)
    assert (version.exit_code, version.output.strip()) == (0, f"seeder {__version__}")
    assert look_around(run_job, arm64) == "aarch64 [] [] binary True"

    env = {"DATABASE_URL": db.url}
    first = run_job(image=arm64, options=[*ARM64, "--read-only", "--cap-drop", "ALL"], env=env)
    assert first.exit_code == 0, first.output
    assert db.value("SELECT count(*) FROM roles") == 7
    second = run_job(image=arm64, options=ARM64, env=env)
    assert second.exit_code == 0, second.output
    assert second.finished["result"] == "nothing-to-do"

    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nCOPY --from={arm64} /opt/seeder /opt/seeder\n"
        f"COPY {project.name}/ /app/db/\nENV PYTHONHOME=/usr\n"
    )
    application = build(tmp_path, *ARM64, tag="seeder-test-application-arm64")
    checked = run_job(
        *("check", "--project", "/app/db"),
        image=application,
        options=[*ARM64, "--entrypoint", "/opt/seeder/bin/seeder"],
    )
    assert checked.exit_code == 0, checked.output


def look_around(run_job: RunJob, image: str) -> str:
    """The machine, programs of another one, libraries from outside, and what is compiled."""
    program = """
import pathlib, platform
import alembic.command, ctypes, hashlib, msgspec, psycopg.pq, sqlalchemy.orm, ssl, yaml._yaml
from sqlalchemy.engine import _util_cy
aarch64 = bytes([0xB7, 0])
foreign = [str(path) for path in pathlib.Path("/opt/seeder").rglob("*")
           if path.is_file() and (head := path.open("rb").read(20))[:4] == b"\\x7fELF"
           and head[18:20] != aarch64]
mapped = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
outside = [path for path in mapped if not path.startswith("/opt/seeder/lib")]
print(platform.machine(), foreign, outside, psycopg.pq.__impl__, _util_cy._is_compiled())
"""
    options = [*ARM64, "--entrypoint", "/opt/seeder/bin/python3"]
    return run_job("-I", "-c", program, image=image, options=options).output.strip()
