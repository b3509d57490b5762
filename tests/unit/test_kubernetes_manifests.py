"""The Kubernetes manifests against the published schemas and the restricted pod standard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from seeder import errors

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
FILES = sorted(KUBERNETES.glob("*.yaml"))
OLDEST, NEWEST = "1.31", kubernetes_validate.latest_version()

SAFE_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
"""All that the restricted standard allows."""

HOOKS = {
    "helm.sh/hook": {
        *("pre-install", "post-install", "pre-upgrade", "post-upgrade"),
        *("pre-delete", "post-delete", "pre-rollback", "post-rollback", "test"),
    },
    "helm.sh/hook-weight": {str(number) for number in range(-10, 11)},
    "helm.sh/hook-delete-policy": {"before-hook-creation", "hook-succeeded", "hook-failed"},
    "argocd.argoproj.io/hook": {"PreSync", "Sync", "PostSync", "SyncFail", "PostDelete", "Skip"},
    "argocd.argoproj.io/hook-delete-policy": {
        *("BeforeHookCreation", "HookSucceeded", "HookFailed"),
    },
}
"""What Helm and Argo CD document for each annotation."""

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def documents(file: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


def pod_specs(file: Path) -> Iterator[dict[str, Any]]:
    for document in documents(file):
        yield document["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_there_is_a_manifest_for_each_way_to_run() -> None:
    assert [file.stem for file in FILES] == ["deployment", "init-container", "job"]


@each_file
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_manifest_is_valid_under_the_strict_schema(file: Path, version: str) -> None:
    for document in documents(file):
        kubernetes_validate.validate(document, version, strict=True)


@each_file
def test_pods_share_nothing_with_their_host(file: Path) -> None:
    for pod in pod_specs(file):
        for field in ("hostNetwork", "hostPID", "hostIPC", "hostUsers"):
            assert field not in pod
        for container in containers(pod):
            assert not any("hostPort" in port for port in container.get("ports", []))
        assert pod["securityContext"].get("sysctls", []) == []


@each_file
def test_pods_mount_only_volumes_of_allowed_kinds(file: Path) -> None:
    for pod in pod_specs(file):
        for volume in pod.get("volumes", []):
            assert volume.keys() - {"name"} <= SAFE_VOLUMES


@each_file
def test_pods_run_as_a_numeric_user_that_is_not_root(file: Path) -> None:
    for pod in pod_specs(file):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        for container in containers(pod):
            own = container["securityContext"]
            assert own.get("runAsNonRoot", True) is True
            assert own.get("runAsUser", 1) > 0


@each_file
def test_pods_use_the_default_seccomp_profile(file: Path) -> None:
    for pod in pod_specs(file):
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            assert "seccompProfile" not in container["securityContext"]


@each_file
def test_pods_keep_the_default_confinement_of_the_platform(file: Path) -> None:
    for pod in pod_specs(file):
        for context in (pod["securityContext"], *(c["securityContext"] for c in containers(pod))):
            unset = {"seLinuxOptions", "appArmorProfile", "procMount", "windowsOptions"}
            assert not unset & context.keys()


@each_file
def test_containers_hold_no_privilege_and_write_nowhere(file: Path) -> None:
    for pod in pod_specs(file):
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@each_file
def test_pods_get_neither_a_token_nor_service_variables(file: Path) -> None:
    for pod in pod_specs(file):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False


@each_file
def test_the_database_url_comes_from_a_file(file: Path) -> None:
    for pod in pod_specs(file):
        seeder = next(c for c in containers(pod) if "seeder" in c["image"])
        env = {variable["name"]: variable["value"] for variable in seeder["env"]}
        mount = seeder["volumeMounts"][0]["mountPath"]
        assert env["SEEDER_DATABASE_URL_FILE"] == f"{mount}/url"
        assert not any("URL" in name for name in env.keys() - {"SEEDER_DATABASE_URL_FILE"})


def test_the_job_gives_up_on_exactly_the_permanent_exit_codes() -> None:
    (job,) = documents(KUBERNETES / "job.yaml")
    ignore, fail = job["spec"]["podFailurePolicy"]["rules"]
    assert ignore["action"] == "Ignore"
    assert ignore["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert fail["action"] == "FailJob"
    permanent = {
        cls.exit_code for cls in errors.SeederError.__subclasses__() if 10 <= cls.exit_code < 20
    }
    assert set(fail["onExitCodes"]["values"]) == {1, 2} | permanent
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_the_job_outlives_seeders_own_deadline() -> None:
    (job,) = documents(KUBERNETES / "job.yaml")
    own_deadline = 1500
    assert job["spec"]["activeDeadlineSeconds"] > own_deadline


def test_the_job_retries_what_a_retry_can_help() -> None:
    (job,) = documents(KUBERNETES / "job.yaml")
    assert job["spec"]["backoffLimit"] > 0


def test_the_termination_message_is_where_seeder_writes_it() -> None:
    (pod,) = pod_specs(KUBERNETES / "job.yaml")
    (container,) = pod["containers"]
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    second = 1
    assert pod["terminationGracePeriodSeconds"] > second


@pytest.mark.parametrize(
    ("name", "arguments"), [("deployment", ["ready"]), ("init-container", ["run"])]
)
def test_an_init_container_comes_before_the_application(name: str, arguments: list[str]) -> None:
    (pod,) = pod_specs(KUBERNETES / f"{name}.yaml")
    (init,) = pod["initContainers"]
    assert init["args"] == arguments
    assert "seeder" not in pod["containers"][0]["image"]


@pytest.mark.parametrize("heading", ["Helm", "Argo CD"])
def test_the_hook_of_the_page_fits_the_job(heading: str) -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (hook,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    given = yaml.safe_load(hook.replace("{{ .Release.Revision }}", "7"))["metadata"]
    (job,) = documents(KUBERNETES / "job.yaml")
    if "generateName" in given:
        del job["metadata"]["name"]
    job["metadata"] |= given
    kubernetes_validate.validate(job, NEWEST, strict=True)
    for key, value in given["annotations"].items():
        assert set(value.split(",")) <= HOOKS[key], key


def test_the_command_of_the_page_makes_an_update_of_the_job() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (edit,) = re.findall(r"\| jq '(.*)'", page)
    (job,) = documents(KUBERNETES / "job.yaml")
    if shutil.which("jq") is None:
        pytest.skip("not run: there is no jq here")
    made = subprocess.run(
        ["jq", edit], input=json.dumps(job), capture_output=True, text=True, check=True
    ).stdout
    update = json.loads(made)
    (container,) = update["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["run", "--mode", "update"]
    kubernetes_validate.validate(update, NEWEST, strict=True)


def test_the_job_is_named_after_its_release() -> None:
    (job,) = documents(KUBERNETES / "job.yaml")
    image = job["spec"]["template"]["spec"]["containers"][0]["image"]
    assert job["metadata"]["name"] == f"seeder-{image.rpartition(':')[2]}"
