"""The files of ``deploy/`` agree with each other, with Dagster's schemas and with the package."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import RunLauncher
from dagster_k8s import K8sRunLauncher
from dagster_k8s.models import k8s_snake_case_dict
from kubernetes import client

from fabric_assets import FabricResource
from tests.deploy.deployment import DAGSTER_YAML, ROOT

DEPLOY = ROOT / "deploy"
LAUNCHED = ("webserver", "daemon")
"""Services of compose that may start containers."""
CAMEL = re.compile(r"(?<=[a-z])([A-Z])")


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def snake(value: Any) -> Any:
    """Values of the chart under the names of ``dagster.yaml``."""
    if isinstance(value, dict):
        plain = {"applyLimitPerUniqueValue"}  # Dagster's own spelling
        return {
            key if key in plain else CAMEL.sub(r"_\1", key).lower(): snake(each)
            for key, each in value.items()
        }
    return [snake(each) for each in value] if isinstance(value, list) else value


def environment_of(value: Any) -> set[str]:
    """The variables that a value of ``dagster.yaml`` reads."""
    if isinstance(value, dict):
        if set(value) == {"env"}:
            return {value["env"]}
        return set().union(*(environment_of(each) for each in value.values()))
    return set()


DAGSTER = load(DAGSTER_YAML)
COMPOSE = load(DEPLOY / "compose.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
HELM = load(DEPLOY / "helm" / "values.yaml")
CELERY = load(DEPLOY / "helm" / "values-celery.yaml")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
OURS = {name: service for name, service in SERVICES.items() if name != "postgres"}


def test_dagster_accepts_the_settings() -> None:
    settings, _ = dagster_instance_config(str(DEPLOY))

    assert set(settings) == set(DAGSTER)
    assert settings["run_retries"]["retry_on_asset_or_op_failure"] is False


def launcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: dict[str, Any]) -> RunLauncher:
    """The run launcher that Dagster makes of its section in ``dagster.yaml``."""
    for name in environment_of(config):
        monkeypatch.setenv(name, name)
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"run_launcher": config}))
    made = InstanceRef.from_dir(str(tmp_path)).run_launcher
    assert made is not None
    return made


def test_dockers_launcher_accepts_its_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = launcher(monkeypatch, tmp_path, DAGSTER["run_launcher"])

    assert made.supports_check_run_worker_health  # else run monitoring would miss a run worker that is gone


def test_kubernetes_launcher_accepts_its_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = HELM["runLauncher"]["config"]["k8sRunLauncher"]
    run = values["runK8sConfig"]
    # Raw Kubernetes settings stay as they are below the names of their parts.
    config = {
        "run_k8s_config": {snake({part: None}).popitem()[0]: each for part, each in run.items()},
        "image_pull_policy": values["imagePullPolicy"],
        "load_incluster_config": False,
        "kubeconfig_file": str(tmp_path / "kubeconfig"),
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "dagster_home": "/opt/dagster/dagster_home",
    }
    cluster = {
        "name": "nowhere",
        "cluster": {"server": "https://127.0.0.1"},
        "context": {"cluster": "nowhere"},
    }
    kubeconfig = {"clusters": [cluster], "contexts": [cluster], "current-context": "nowhere"}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    section = {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}

    made = launcher(monkeypatch, tmp_path, section)

    assert isinstance(made, K8sRunLauncher)
    for model, raw in (
        (client.V1Container, run["containerConfig"]),
        (client.V1PodSpec, run["podSpecConfig"]),
        (client.V1ObjectMeta, run["podTemplateSpecMetadata"]),
        (client.V1JobSpec, run["jobSpecConfig"]),
    ):
        assert k8s_snake_case_dict(model, raw)  # raises for what Kubernetes does not know


def test_a_terminated_run_has_the_time_to_cancel_its_job_instances() -> None:
    needed = FabricResource().cancel_timeout_seconds + 15

    assert DAGSTER["run_launcher"]["config"]["container_kwargs"]["stop_timeout"] >= needed
    run = HELM["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    assert run["podSpecConfig"]["terminationGracePeriodSeconds"] >= needed
    assert DAGSTER["run_monitoring"]["cancel_timeout_seconds"] >= 2 * needed


def test_compose_sets_every_variable_that_dagster_yaml_reads() -> None:
    passed_on = set(DAGSTER["run_launcher"]["config"]["env_vars"])
    read = environment_of(DAGSTER)

    for name in OURS:
        # The launcher raises for a variable that is not set; empty is set.
        assert passed_on | read <= set(SERVICES[name]["environment"])
    # A run worker reads the same dagster.yaml, without its section for launching.
    assert environment_of(DAGSTER["storage"]) <= passed_on


def test_compose_asks_for_no_setting_that_the_example_lacks() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    example = re.findall(r"^([A-Z_]+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE)

    assert sorted(set(re.findall(r"\$\{([A-Z_]+)", text))) == sorted(example)
    assert re.search(r"\$\{\w*(PASSWORD|SECRET):-[^}]", text) is None  # no secret has a default


def test_composes_parts_refer_to_each_other() -> None:
    network = COMPOSE["networks"]["dagster"]["name"]

    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        assert service["networks"] == ["dagster"]
        assert ":latest" not in service["image"]
        assert ("/var/run/docker.sock:/var/run/docker.sock" in service.get("volumes", [])) == (
            name in LAUNCHED
        )
    assert {service["environment"]["DAGSTER_NETWORK"] for service in OURS.values()} == {network}
    assert {service["image"] for service in OURS.values()} == {
        service["environment"]["DAGSTER_CURRENT_IMAGE"] for service in OURS.values()
    }
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["webserver"]["ports"])
    assert "postgres" in COMPOSE["volumes"]


def test_the_code_server_is_where_webserver_and_daemon_look_for_it() -> None:
    (entry,) = load(DEPLOY / "workspace.yaml")["load_from"]
    (development,) = load(ROOT / "workspace.yaml")["load_from"]
    (command,) = re.findall(r"^CMD \[(.*)\]$", DOCKERFILE, re.MULTILINE)
    arguments = re.findall(r'"([^"]*)"', command)
    served = dict(zip(arguments[3::2], arguments[4::2], strict=True))
    (on_kubernetes,) = HELM["dagster-user-deployments"]["deployments"]

    assert (entry["grpc_server"]["host"] in SERVICES, entry["grpc_server"]["port"]) == (True, 4000)
    assert (arguments[:3], served["--port"]) == (["dagster", "api", "grpc"], "4000")
    assert served["--module-name"] == development["python_module"]["module_name"]
    assert entry["grpc_server"]["location_name"] == development["python_module"]["location_name"]
    assert on_kubernetes["dagsterApiGrpcArgs"] == ["--module-name", served["--module-name"]]
    assert isinstance(importlib.import_module(served["--module-name"]).defs, dg.Definitions)


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody_special() -> None:
    copied = [
        path
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for path in line.split()
        if not path.startswith("--")
    ]
    allowed = {
        line[1:]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    (extras,) = re.findall(r'^ARG EXTRAS="(.*)"$', DOCKERFILE, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    (home,) = re.findall(r"DAGSTER_HOME=(\S+)", DOCKERFILE)

    assert set(copied) == allowed
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert int(user) == HELM["dagsterWebserver"]["podSecurityContext"]["runAsUser"] > 0
    assert home == "/opt/dagster/dagster_home"  # where the chart mounts its dagster.yaml
    assert re.findall(r"(?i)index-url|trusted-host|://", DOCKERFILE) == []


def test_the_chart_gets_the_same_settings_as_dagster_yaml() -> None:
    concurrency = snake({**HELM["concurrency"]})
    del concurrency["enabled"]
    daemon = snake(HELM["dagsterDaemon"])
    retention = snake({name: each for name, each in HELM["retention"].items() if name != "enabled"})

    assert concurrency == DAGSTER["concurrency"]
    assert daemon["run_monitoring"] == DAGSTER["run_monitoring"]
    assert daemon["run_retries"] == DAGSTER["run_retries"]
    assert daemon["run_coordinator"]["config"]["queued_run_coordinator"] == DAGSTER["run_queue"]
    assert retention == DAGSTER["retention"]
    assert HELM["postgresql"]["postgresqlScheme"] == DAGSTER["storage"]["postgres"]["postgres_db"]["scheme"]


def test_webserver_daemon_and_code_location_run_the_same_image() -> None:
    (code,) = HELM["dagster-user-deployments"]["deployments"]
    image = HELM["dagsterWebserver"]["image"]

    assert image == HELM["dagsterDaemon"]["image"] == code["image"]
    assert image == CELERY["runLauncher"]["config"]["celeryK8sRunLauncher"]["image"]
    assert f"fabric-assets:{image['tag']}" in DOCKERFILE
