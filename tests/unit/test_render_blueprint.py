"""render.yaml against the documented fields of a Blueprint, for want of a packaged schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from seeder.cli import main

ROOT = Path(__file__).parents[2]
TEXT = {"type": "string", "minLength": 1}


def closed(required: list[str], **properties: object) -> dict[str, object]:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


FROM_DATABASE = closed(
    ["name", "property"],
    name=TEXT,
    property={"enum": ["connectionString", "host", "port", "user", "password", "database"]},
)
VARIABLE = {
    "oneOf": [
        closed(["key", "value"], key=TEXT, value=TEXT, previewValue=TEXT),
        closed(["key", "sync"], key=TEXT, sync={"const": False}),
        closed(["key", "generateValue"], key=TEXT, generateValue={"const": True}),
        closed(["key", "fromDatabase"], key=TEXT, fromDatabase=FROM_DATABASE),
        closed(["fromGroup"], fromGroup=TEXT),
    ]
}
VARIABLES = {"type": "array", "items": VARIABLE}
COMMON = {
    "name": TEXT,
    "plan": {"enum": ["starter", "standard", "pro", "pro plus", "pro max", "pro ultra"]},
    "region": {"enum": ["oregon", "ohio", "virginia", "frankfurt", "singapore"]},
    "branch": TEXT,
    "rootDir": TEXT,
    "envVars": VARIABLES,
    "dockerCommand": TEXT,
    "autoDeployTrigger": {"enum": ["commit", "checksPass", "off"]},
}
"""`plan` without `free`: a pre-deploy command needs more, and a cron job as well."""
BUILT = {"dockerfilePath": TEXT, "dockerContext": TEXT, "runtime": {"const": "docker"}}
PULLED = {"image": closed(["url"], url=TEXT), "runtime": {"const": "image"}}
WEB = {
    "type": {"enum": ["web", "pserv", "worker"]},
    "healthCheckPath": {"type": "string", "pattern": "^/"},
    "preDeployCommand": TEXT,
    "numInstances": {"type": "integer", "minimum": 1},
    "maxShutdownDelaySeconds": {"type": "integer", "minimum": 1, "maximum": 300},
}
CRON = {"type": {"const": "cron"}, "schedule": {"type": "string", "pattern": r"^(\S+ ){4}\S+$"}}
SERVICE = {
    "oneOf": [
        closed(["type", "name", "runtime"], **COMMON, **BUILT, **WEB),
        closed(["type", "name", "runtime", "image"], **COMMON, **PULLED, **WEB),
        closed(["type", "name", "runtime", "schedule"], **COMMON, **BUILT, **CRON),
        closed(["type", "name", "runtime", "image", "schedule"], **COMMON, **PULLED, **CRON),
    ]
}
DATABASE = closed(
    ["name"],
    name=TEXT,
    plan={"type": "string", "pattern": r"^(free|(basic|pro|accelerated)-\d+(mb|gb))$"},
    region=COMMON["region"],
    postgresMajorVersion={"enum": [str(each) for each in range(13, 19)]},
    databaseName=TEXT,
    user=TEXT,
    diskSizeGB={"type": "integer"},
    ipAllowList={"type": "array", "items": closed(["source"], source=TEXT, description=TEXT)},
)
BLUEPRINT = closed(
    ["services"],
    services={"type": "array", "items": SERVICE},
    databases={"type": "array", "items": DATABASE},
    envVarGroups={
        "type": "array",
        "items": closed(["name", "envVars"], name=TEXT, envVars=VARIABLES),
    },
    previews=closed(["generation"], generation={"enum": ["off", "manual", "automatic"]}),
)


@pytest.fixture(scope="module")
def blueprint() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "render.yaml").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def variables(blueprint: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in [*blueprint["services"], *blueprint["envVarGroups"]]:
        yield from each["envVars"]


def commands(blueprint: dict[str, Any]) -> list[str]:
    """What Render runs, for each service."""
    return [
        service.get("preDeployCommand") or service["dockerCommand"]
        for service in blueprint["services"]
    ]


def test_blueprint_has_documented_fields_alone(blueprint: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(BLUEPRINT).validate(blueprint)


@pytest.mark.parametrize(
    ("service", "field"), [("app", "preDeployCmd"), ("app", "schedule"), ("seeder", "startCommand")]
)
def test_a_field_that_does_not_exist_would_be_found(
    blueprint: dict[str, Any], service: str, field: str
) -> None:
    services = [
        {**each, field: "0 4 * * *"} if each["name"] == service else each
        for each in blueprint["services"]
    ]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**blueprint, "services": services}, BLUEPRINT)


def test_names_are_given_once_and_refer_to_something(blueprint: dict[str, Any]) -> None:
    databases = [each["name"] for each in blueprint["databases"]]
    groups = [each["name"] for each in blueprint["envVarGroups"]]
    services = [each["name"] for each in blueprint["services"]]
    for names in (databases, groups, services):
        assert len(set(names)) == len(names)
    for variable in variables(blueprint):
        if "fromGroup" in variable:
            assert variable["fromGroup"] in groups
        if "fromDatabase" in variable:
            assert variable["fromDatabase"]["name"] in databases


def test_every_service_gets_the_direct_connection(blueprint: dict[str, Any]) -> None:
    (database,) = blueprint["databases"]
    for service in blueprint["services"]:
        given = {each["key"]: each for each in service["envVars"] if "key" in each}
        assert given["SEEDER_DATABASE_URL"]["fromDatabase"] == {
            "name": database["name"],
            "property": "connectionString",
        }


def test_commands_need_no_shell_and_exist(
    blueprint: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for command in commands(blueprint):
        assert command.startswith("/opt/seeder/bin/seeder ")
        assert not set("$|&;<>*`'\"\\") & set(command)
        assert main([*command.split()[1:], "--help"], {}) == 0
        assert "Usage" in capsys.readouterr().out


def test_the_page_shows_the_blueprints_pre_deploy_command(blueprint: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "render.md").read_text(encoding="utf-8")
    (web,) = [each for each in blueprint["services"] if each["type"] == "web"]
    assert f"preDeployCommand: {web['preDeployCommand']}\n" in page
    assert f'"startCommand": "{web["preDeployCommand"]}"' in page


def test_seeder_ends_before_render_ends_it(blueprint: dict[str, Any]) -> None:
    (deadline,) = [
        each["value"] for each in variables(blueprint) if each.get("key") == "SEEDER_DEADLINE"
    ]
    half_an_hour = 30 * 60
    assert int(deadline) < half_an_hour
    page = (ROOT / "docs" / "render.md").read_text(encoding="utf-8")
    (patience,) = re.findall(r"^patience=(\d+)", page, re.MULTILINE)
    assert int(patience) > int(deadline)
