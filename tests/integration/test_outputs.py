"""Files that commands write: through no link, and over nothing that the project is read from."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from tests.support.shop import Shop

OPTIONS = [("run", "--report"), ("plan", "--out"), ("plan", "--html")]


def content(directory: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(("command", "option"), OPTIONS)
@pytest.mark.parametrize(
    "name",
    [
        "seeder.toml",
        "seeds/core/roles.yaml",
        "seeds/core/new.json",
        "migrations/versions/0001.py",
        "seeds/../seeder.toml",
        "helper.py",
    ],
)
def test_no_file_of_the_project_is_overwritten(
    shop: Shop, command: str, option: str, name: str
) -> None:
    shop.write("helper.py", "X = 1")
    before = content(shop.directory)
    done = shop.command(command, option, str(shop.directory / name))
    assert done.exit_code == 10, done.stderr
    assert option in done.stderr
    assert content(shop.directory) == before
    assert shop.rows("SELECT FROM pg_class WHERE relname = 'roles'") == []


@pytest.mark.parametrize(("command", "option"), OPTIONS)
@pytest.mark.parametrize("link", ["symbolic", "hard", "dangling", "of a directory"])
def test_no_link_is_followed(shop: Shop, command: str, option: str, link: str) -> None:
    toml, place = shop.directory / "seeder.toml", shop.directory.parent / "out.json"
    match link:
        case "symbolic":
            place.symlink_to(toml)
        case "hard":
            os.link(toml, place)
        case "dangling":
            place.symlink_to(shop.directory / "seeds" / "core" / "new.json")
        case _:
            (shop.directory.parent / "out").symlink_to(shop.directory / "seeds" / "core")
            place = shop.directory.parent / "out" / "new.json"
    before = content(shop.directory)
    done = shop.command(command, option, str(place))
    assert done.exit_code == 10, done.stderr
    assert content(shop.directory) == before


def test_a_report_of_bad_settings_overwrites_nothing_either(shop: Shop) -> None:
    before = content(shop.directory)
    done = shop.run("--report", str(shop.directory / "seeder.toml"), SEEDER_DEADLINE="soon")
    assert done.exit_code == 10
    (warning,) = done.named("report.failed")
    assert "read from" in warning["reason"]
    assert content(shop.directory) == before


def test_a_report_does_not_replace_what_the_command_was_given(shop: Shop) -> None:
    plan = shop.directory.parent / "plan.json"
    assert shop.run("--mode", "none").exit_code == 0
    assert shop.command("plan", "--out", str(plan)).exit_code == 0
    shown = plan.read_bytes()
    done = shop.run("--plan", str(plan), "--report", str(plan))
    assert done.exit_code == 10, done.stderr
    secret = shop.directory.parent / "url"
    secret.write_text(shop.database.url)
    done = shop.run("--report", str(secret), DATABASE_URL="", DATABASE_URL_FILE=str(secret))
    assert done.exit_code == 10, done.stderr
    assert (plan.read_bytes(), secret.read_text()) == (shown, shop.database.url)


def test_a_report_replaces_the_one_before_it_and_goes_to_a_pipe(shop: Shop) -> None:
    report = shop.directory / "report.json"
    for _ in range(2):
        assert shop.run("--report", str(report)).exit_code == 0
    done = shop.end(shop.start("run", "--report", "/dev/stdout"))
    assert done.exit_code == 0, done.stderr
    assert '"result"' in done.stdout


def test_an_export_is_written_through_no_link(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    out = shop.directory.parent / "exported"
    out.mkdir()
    (out / "roles.yaml").symlink_to(shop.directory / "seeds" / "core" / "new.yaml")
    done = shop.command("export", "roles", "--out", str(out))
    assert done.exit_code == 10, done.stderr
    assert not (shop.directory / "seeds" / "core" / "new.yaml").exists()


LOUD = """
import json
import os
import tempfile
import subprocess
from seeder import rows

os.write(1, b"half a line")
os.write(2, b'{"event": \\n')
subprocess.run(["sh", "-c", "echo from a child; echo to stderr >&2"], check=True)
print("printed")

@rows(table="roles", key="code")
def more(context):
    os.write(1, b"while rows are made\\n")
    yield {"code": "guest", "level": 0}
"""


def test_what_children_libpq_and_project_code_print_breaks_no_line_of_json(
    shop: Shop, tmp_path: Path
) -> None:
    shop.write("seeds/core/more.py", LOUD)
    passfile = tmp_path / "passfile"
    passfile.write_text("*:*:*:*:secret\n")
    passfile.chmod(0o644)  # libpq warns of it on stderr, and reads it not
    environ = {"PGPASSFILE": str(passfile)}
    planned = shop.end(shop.start("plan", "--json", **environ))
    assert json.loads(planned.stdout)["sets"], planned
    done = shop.end(shop.start("run", **environ))
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    heard = [event["line"] for event in done.named("process.output")]
    for told in ("from a child", "to stderr", "while rows are made", '{"event":'):
        assert any(told in line for line in heard), heard
    assert any("password file" in line for line in heard), heard
    assert done.finished["exit_code"] == 0


def test_check_without_a_directory_for_temporary_files_says_so(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    done = shop.command("check", "--embedded")
    assert done.exit_code == 10
    assert "There is no directory for temporary files" in done.stderr
    assert "Point TMPDIR at a directory" in done.stderr
