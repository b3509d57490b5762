"""The documented ways to bring a catalog of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.container.conftest import IMAGES, ROOT, Database, Ran, RunJob, build, docker

AUTHORITIES = """
import ssl
from seeder.database.connection.target import Target
given = Target.parse("postgresql://app@db.example/app?sslrootcert=system").parameters
trusted = ssl.create_default_context(cafile=given["sslrootcert"]).get_ca_certs()
print(given["sslrootcert"], given["sslmode"], len(trusted))
"""
"""Where libpq is told to look for them, and how many there are."""


@pytest.fixture
def context(project: Path, tmp_path: Path) -> Path:
    """A build context with the catalog in it."""
    context = tmp_path / "context"
    shutil.copytree(project, context / "db")
    return context


def made(context: Path, dockerfile: str, *, tag: str) -> str:
    (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    return build(context, tag=tag)


def before_a_deploy(run_job: RunJob, application: str, db: Database) -> Ran:
    """Run render.yaml's pre-deploy command: an argument list, no shell, the image's own user."""
    blueprint = yaml.safe_load((ROOT / "render.yaml").read_text(encoding="utf-8"))
    (command,) = [
        service["preDeployCommand"]
        for service in blueprint["services"]
        if "preDeployCommand" in service
    ]
    program, *arguments = command.split()
    return run_job(
        *arguments,
        image=application,
        env={"SEEDER_DATABASE_URL": db.url, "SEEDER_PROJECT": "/app/db", "SEEDER_DEADLINE": "1500"},
        options=["--entrypoint", program],
    )


def test_catalog_as_a_mount(run_job: RunJob, db: Database, project: Path) -> None:
    done = run_job(
        env={"DATABASE_URL": db.url, "SEEDER_PROJECT": "/db"},
        options=["--volume", f"{project}:/db:ro"],
    )
    assert done.exit_code == 0, done.output
    assert db.fetch("SELECT name, hex FROM colours") == [("green", "00ff00")]


def test_catalog_in_an_image_of_its_own(
    run_job: RunJob, db: Database, context: Path, image: str
) -> None:
    own = made(
        context,
        f"FROM {image}\nCOPY db/ /db/\nENV SEEDER_PROJECT=/db\n",
        tag="seeder-test-own",
    )
    done = run_job(image=own, project=None, env={"DATABASE_URL": db.url})
    assert done.exit_code == 0, done.output
    assert db.value("SELECT count(*) FROM colours") == 1


def test_catalog_in_an_applications_image_with_another_python(
    run_job: RunJob, db: Database, context: Path, image: str
) -> None:
    base = build(IMAGES / "bookworm", tag="seeder-test-bookworm")
    version = docker("run", "--rm", base, "python3", "--version").stdout
    assert version.startswith("Python 3.11"), "the base is to have another Python than the image"
    # An application that has its own Python search path, and packages that would get in the way.
    application = made(
        context,
        f"FROM {base}\n"
        f"COPY --from={image} /opt/seeder /opt/seeder\n"
        "COPY db/ /app/db/\n"
        "ENV PYTHONPATH=/app PYTHONHOME=/usr LANG=C\n"
        'RUN mkdir /app/click && echo "raise SystemExit(99)" > /app/click/__init__.py\n',
        tag="seeder-test-application",
    )
    done = before_a_deploy(run_job, application, db)
    assert done.exit_code == 0, done.output
    assert db.value("SELECT count(*) FROM colours") == 1
    # The application's own Python is what it was.
    plain = docker("run", "--rm", "--env", "PYTHONHOME=", application, "python3", "-c", "print(1)")
    assert plain.stdout == "1\n"


def test_catalog_in_an_applications_image_without_glibc(
    run_job: RunJob, db: Database, context: Path, image: str
) -> None:
    base = build(IMAGES / "musl", tag="seeder-test-musl")
    assert docker("run", "--rm", base, "answer", check=False).returncode == 42, "musl works"
    files = docker("run", "--rm", base, "busybox", "find", "/lib", "/usr", "/etc").stdout
    assert "ld-musl" in files
    assert "libc.so.6" not in files
    assert "nsswitch.conf" not in files
    application = made(
        context,
        f"FROM {base}\nCOPY --from={image} /opt/seeder /opt/seeder\nCOPY db/ /app/db/\n",
        tag="seeder-test-application-musl",
    )
    done = before_a_deploy(run_job, application, db)
    assert done.exit_code == 0, done.output
    assert db.value("SELECT count(*) FROM colours") == 1
    # The certificate authorities came along: the application's image has none of its own.
    assert "ca-certificates" not in files
    looked = docker(
        *("run", "--rm", "--entrypoint", "/opt/seeder/bin/python3", application, "-c", AUTHORITIES)
    ).stdout
    file, mode, number = looked.split()
    assert (file, mode) == ("/opt/seeder/share/ca-certificates.crt", "verify-full")
    assert int(number) > 100


def test_packages_added_for_a_python_seed_file(
    run_job: RunJob, db: Database, context: Path, image: str
) -> None:
    (context / "db" / "seeds" / "core" / "hashed.py").write_text(
        "import bcrypt\n"
        "from seeder import rows\n"
        '@rows(table="colours", key="name", columns={"hex": {"update": "never"}})\n'
        "def hashed(context):\n"
        '    digest = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()\n'
        '    yield {"name": "hashed", "hex": digest}\n'
    )
    own = made(
        context,
        "FROM python:3.13-slim AS packages\n"
        "RUN pip install --no-cache-dir --target /packages bcrypt\n"
        f"FROM {image}\n"
        "COPY --from=packages /packages /opt/seeder/lib/python3.13/site-packages\n"
        "COPY db/ /db/\n"
        "ENV SEEDER_PROJECT=/db\n",
        tag="seeder-test-packages",
    )
    done = run_job(image=own, project=None, env={"DATABASE_URL": db.url})
    assert done.exit_code == 0, done.output
    assert db.value("SELECT hex LIKE '$2b$%' FROM colours WHERE name = 'hashed'")


def test_without_a_catalog_the_image_seeds_nothing(run_job: RunJob, db: Database) -> None:
    done = run_job(project=None, env={"DATABASE_URL": db.url})
    assert done.finished["exit_code"] == 10
    assert "There is no project here" in done.output
    assert (
        db.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0
    )


def test_a_catalog_in_db_is_found_and_another_projects_is_refused(
    run_job: RunJob, db: Database, project: Path
) -> None:
    mounted = ["--volume", f"{project}:/db:ro"]
    assert run_job(project=None, env={"DATABASE_URL": db.url}, options=mounted).exit_code == 0
    assert db.value("SELECT count(*) FROM colours") == 1
    other = run_job(env={"DATABASE_URL": db.url})
    assert other.finished["exit_code"] == 10
    assert "belongs to the project colours" in other.output
    assert db.value("SELECT to_regclass('roles') IS NULL")
