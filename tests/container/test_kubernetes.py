"""deploy/kubernetes as a kubelet runs it: containers started with what their manifests ask for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.container.conftest import ROOT, Database, Job, StartJob, docker, revision
from tests.container.test_signals import until

MANIFESTS = ROOT / "deploy" / "kubernetes"
SECRET_GROUP_CAN_READ = 0o440


def pod_of(name: str) -> dict[str, Any]:
    document = yaml.safe_load((MANIFESTS / name).read_text(encoding="utf-8"))
    pod = document["spec"]["template"]["spec"]
    assert isinstance(pod, dict)
    return pod


class Kubelet:
    """Starts containers of pods; the Secret holds a database's URL, the image a project."""

    def __init__(self, start: StartJob, directory: Path, project: Path, url: str) -> None:
        self._start, self._directory, self._project = start, directory, project
        self._secret = directory / "secret"
        self._secret.mkdir()
        (self._secret / "url").write_text(url)

    def start(self, pod: dict[str, Any], container: dict[str, Any], *, name: str) -> Job:
        """Start a container; its termination message is kept under the name."""
        identity, confined = pod["securityContext"], container["securityContext"]
        assert confined["readOnlyRootFilesystem"]
        assert not confined["allowPrivilegeEscalation"]
        (volume,) = pod["volumes"]
        (mount,) = container["volumeMounts"]
        assert mount["name"] == volume["name"]
        # As a kubelet does with defaultMode and fsGroup.
        os.chown(self._secret / "url", 0, identity["fsGroup"])
        mode = volume["secret"]["defaultMode"]
        assert mode == SECRET_GROUP_CAN_READ
        (self._secret / "url").chmod(mode)
        message = self._directory / name
        message.touch()
        message.chmod(0o666)
        drop = [part for each in confined["capabilities"]["drop"] for part in ("--cap-drop", each)]
        limit = container["resources"]["limits"]["memory"].removesuffix("i").lower()
        return self._start(
            *container["args"],
            env={each["name"]: each["value"] for each in container["env"]}
            | {"SEEDER_PROJECT": "/db", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            options=[
                *("--read-only", "--security-opt", "no-new-privileges", *drop),
                *("--user", f"{identity['runAsUser']}:{identity['runAsGroup']}"),
                *("--group-add", identity["fsGroup"], "--memory", limit),
                *("--volume", f"{self._secret}:{mount['mountPath']}:ro"),
                *("--volume", f"{message}:/dev/termination-log"),
                *("--volume", f"{self._project}:/db:ro"),
            ],
        )

    def message(self, name: str) -> dict[str, Any]:
        found = json.loads((self._directory / name).read_text())
        assert isinstance(found, dict)
        return found


@pytest.fixture
def kubelet(start_job: StartJob, tmp_path: Path, project: Path) -> Callable[[Database], Kubelet]:
    return lambda db: Kubelet(start_job, tmp_path, project, db.url)


def test_the_job_seeds_and_leaves_its_summary(
    kubelet: Callable[[Database], Kubelet], db: Database
) -> None:
    node = kubelet(db)
    pod = pod_of("job.yaml")
    (container,) = pod["containers"]
    done = node.start(pod, container, name="job").wait()
    assert done.exit_code == 0, done.output
    assert node.message("job")["exit_code"] == 0
    assert db.value("SELECT count(*) FROM colours") == 1


def test_pods_start_after_the_job_and_not_before(
    kubelet: Callable[[Database], Kubelet], db: Database
) -> None:
    node = kubelet(db)
    web, job = pod_of("deployment.yaml"), pod_of("job.yaml")
    (wait,) = web["initContainers"]
    waiting = node.start(web, wait, name="ready")
    until(lambda: "wait" in waiting.output, waiting)
    running = ("inspect", "--format", "{{.State.Running}}", waiting.name)
    assert docker(*running).stdout.strip() == "true"
    (container,) = job["containers"]
    done = node.start(job, container, name="job").wait()
    assert done.exit_code == 0, done.output
    ready = waiting.wait()
    assert ready.exit_code == 0, ready.output


def test_pods_do_not_start_when_the_job_fails(
    kubelet: Callable[[Database], Kubelet], db: Database, project: Path
) -> None:
    broken = project / "migrations" / "versions" / "0002_broken.py"
    broken.write_text(revision("0002", "0001", "SELECT no_such_column"))
    node = kubelet(db)
    web, job = pod_of("deployment.yaml"), pod_of("job.yaml")
    (container,) = job["containers"]
    done = node.start(job, container, name="job").wait()
    document = yaml.safe_load((MANIFESTS / "job.yaml").read_text(encoding="utf-8"))
    _, fail = document["spec"]["podFailurePolicy"]["rules"]
    assert done.exit_code in fail["onExitCodes"]["values"], done.output
    assert node.message("job")["exit_code"] == done.exit_code
    (wait,) = web["initContainers"]
    wait["env"] = [
        {"name": each["name"], "value": "3"} if each["name"] == "SEEDER_WAIT_TIMEOUT" else each
        for each in wait["env"]
    ]
    ready = node.start(web, wait, name="ready").wait()
    assert ready.exit_code == 30, ready.output


def test_init_containers_of_two_pods_seed_once(
    kubelet: Callable[[Database], Kubelet], db: Database
) -> None:
    node = kubelet(db)
    pod = pod_of("init-container.yaml")
    (seeder,) = pod["initContainers"]
    started = [node.start(pod, seeder, name=f"pod-{number}") for number in range(2)]
    assert [each.wait().exit_code for each in started] == [0, 0]
    assert db.value("SELECT count(*) FROM colours") == 1
