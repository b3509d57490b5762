"""`seeder init`: a project that works at once."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from seeder import job
from seeder.cli import main
from seeder.configuration.settings import Secret, Settings
from seeder.database.embedded import embedded_server
from seeder.errors import ConfigurationInvalid
from seeder.settle.init import init
from tests.support.events import Events
from tests.support.postgres import Database


def test_the_new_project_passes_its_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "shop"
    assert main(["init", str(directory)], {}) == 0
    assert f"seeder check --project {directory / 'db'}" in capsys.readouterr().out
    assert main(["check", "--project", str(directory / "db")], {}) == 0


def test_the_new_project_runs_at_once_and_a_second_run_has_nothing_to_do(
    tmp_path: Path, database: Database
) -> None:
    init(tmp_path / "shop")
    settings = Settings(database=Secret(database.url), project=tmp_path / "shop" / "db")
    job.run(settings, log=Events())
    assert database.fetch("SELECT name FROM roles ORDER BY id") == [("owner",), ("viewer",)]
    assert database.fetch("SELECT count(*) FROM role_permissions") == [(4,)]
    assert job.run(settings, log=Events()).result.value == "nothing-to-do"


def test_an_empty_directory_will_do(tmp_path: Path) -> None:
    files = init(tmp_path)
    assert Path("db/seeder.toml") in files
    assert all((tmp_path / file).is_file() for file in files)


def test_a_directory_with_other_files_will_do_and_they_stay(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    (tmp_path / "app.py").write_text("")
    assert Path("db/seeder.toml") in init(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert (tmp_path / "app.py").read_text() == ""


@pytest.mark.parametrize("name", ["docker-compose.yml", "db"])
def test_nothing_is_written_where_one_of_the_files_is_there(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigurationInvalid, match=f"{name} is there already"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_git_takes_the_project_and_nothing_of_the_embedded_server(tmp_path: Path) -> None:
    init(tmp_path)
    (tmp_path / ".gitignore").unlink()  # the server's directory ignores itself
    with embedded_server.start(tmp_path / ".seeder" / "postgres") as server:
        assert (server.data / "PG_VERSION").exists()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    staged = subprocess.run(
        ["git", "ls-files"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert "db/seeder.toml" in staged
    assert ".seeder" not in staged


def test_an_editor_finds_the_schema_of_every_seed_file_and_no_mistake(tmp_path: Path) -> None:
    files = [tmp_path / file for file in init(tmp_path) if "seeds" in file.parts]
    assert len(files) == 3
    for file in files:
        text = file.read_text()
        _, named = text.splitlines()[0].split("$schema=")
        validator = Draft202012Validator(json.loads((file.parent / named).read_text()))
        validator.validate(yaml.safe_load(text))
        with pytest.raises(ValidationError, match="kye"):
            validator.validate(yaml.safe_load(text.replace("key:", "kye:")))


def test_compose_mounts_the_project_and_knows_no_password(tmp_path: Path) -> None:
    init(tmp_path)
    services = yaml.safe_load((tmp_path / "docker-compose.yml").read_text())["services"]
    assert "./db:/db:ro" in services["seeder"]["volumes"]
    assert services["seeder"]["environment"] == {
        "SEEDER_ENVIRONMENT": "dev",
        "SEEDER_PROJECT": "/db",
        "SEEDER_DATABASE_URL_FILE": "/run/secrets/database_url",
    }
