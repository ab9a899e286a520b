"""The files for Kubernetes and systemd: they fit their schemas, and hand each process what docker-compose.yml does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.layout import ROOT, SERVICES

pytestmark = pytest.mark.compose

KUBERNETES, SYSTEMD = ROOT / "deploy/kubernetes", ROOT / "deploy/systemd"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
LOCK = Path(__file__).with_name("kubernetes.lock")
NAMES = [service.name for service in SERVICES]
VERIFY = shutil.which("systemd-analyze")


def manifests(*names: str) -> list[dict[str, Any]]:
    files = [KUBERNETES / f"{name}.yaml" for name in names] or sorted(KUBERNETES.glob("*.yaml"))
    found = [document for file in files for document in yaml.safe_load_all(file.read_text())]
    return [document for document in found if document["kind"] != "Kustomization"]


def pod(name: str) -> dict[str, Any]:
    (template,) = [
        each["spec"]["template"]["spec"] for each in manifests(name) if each["kind"] in ("Deployment", "Job")
    ]
    found: dict[str, Any] = template
    return found


def from_files(environment: dict[str, Any]) -> dict[str, str]:
    return {name: str(value).rpartition("/")[2] for name, value in environment.items() if name.endswith("_FILE")}


def test_every_manifest_fits_the_schema_of_its_kind(tmp_path: Path) -> None:
    """Of Kubernetes itself, as kubernetes-validate brings it; too large for everybody's environment."""
    python = tmp_path / "bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path)], check=True, timeout=400)
    install = [str(python), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", str(LOCK)]
    subprocess.run(install, check=True, timeout=800)
    files = [str(file) for file in sorted(KUBERNETES.glob("*.yaml")) if file.name != "kustomization.yaml"]
    checked = subprocess.run(
        [str(tmp_path / "bin/kubernetes-validate"), "--strict", *files], capture_output=True, text=True, timeout=400
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert (checked.stdout + checked.stderr).count(" passed for resource ") == len(manifests())


def test_kustomize_finds_every_file() -> None:
    named = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert set(named) == {file.name for file in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}


@pytest.mark.parametrize("name", [*NAMES, "admin"])
def test_a_pod_gets_the_secrets_that_its_container_gets_in_compose(name: str) -> None:
    (container,) = pod(name)["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    in_compose = from_files(COMPOSE[name]["environment"])
    if name == "admin":  # it is asked for no metrics
        in_compose.pop("METRICS_TOKEN_FILE")
    assert from_files(environment) == in_compose
    script = (KUBERNETES / "secrets.sh").read_text()
    (line,) = re.findall(f"^secret {name} (.*)$", script, re.MULTILINE)
    assert line.split() == COMPOSE[name]["secrets"]


@pytest.mark.parametrize("name", [*NAMES, "admin"])
def test_a_pod_can_neither_become_root_nor_write_nor_take_all_memory(name: str) -> None:
    spec = pod(name)
    (container,) = spec["containers"]
    user = int(COMPOSE[name]["user"].partition(":")[0])
    assert spec["securityContext"].items() >= {"runAsNonRoot": True, "runAsUser": user, "runAsGroup": user}.items()
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", NAMES)
def test_every_process_is_probed_spread_and_disrupted_one_at_a_time(name: str) -> None:
    (container,) = pod(name)["containers"]
    probes = {probe for probe in container if probe.endswith("Probe")}
    assert probes == ({"livenessProbe"} if name == "relay" else {"startupProbe", "readinessProbe", "livenessProbe"})
    kinds = [each["kind"] for each in manifests(name)]
    assert ("PodDisruptionBudget" in kinds, "NetworkPolicy" in kinds) == (True, True)
    (budget,) = [each["spec"] for each in manifests(name) if each["kind"] == "PodDisruptionBudget"]
    assert budget["maxUnavailable"] == 1


def test_who_may_call_whom_is_the_same_as_in_compose() -> None:
    for name in NAMES[1:]:
        (policy,) = [each["spec"] for each in manifests(name) if each["kind"] == "NetworkPolicy"]
        peers = [peer for rule in policy["ingress"] for peer in rule["from"] if "namespaceSelector" not in peer]
        callers = {peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in peers}
        networks = set(COMPOSE[name]["networks"])
        talking = {f"{pair}-{name}" for pair in ("gateway", "orders")} & networks
        expected = {network.removesuffix(f"-{name}") for network in talking}
        assert callers == expected | ({"relay"} if "orders" in expected else set())


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_gets_the_secrets_of_its_container(name: str) -> None:
    text = (SYSTEMD / f"env/{name}.env").read_text()
    environment = dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))
    folder = f"/run/credentials/plaza-{name}.service/{name}_"
    files = {key: value.removeprefix(folder) for key, value in environment.items() if key.endswith("_FILE")}
    assert files == from_files(COMPOSE[name]["environment"])
    unit = (SYSTEMD / f"plaza-{name}.service").read_text()
    assert f"LoadCredential={name}:/etc/plaza/secrets/{name}\n" in unit
    assert f"EnvironmentFile=/etc/plaza/{name}.env\n" in unit


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if not VERIFY:
        if os.environ.get("CI") == "true":
            pytest.fail("no systemd-analyze")
        pytest.skip("no systemd-analyze")
    for file in SYSTEMD.glob("plaza*"):
        # Nothing is installed in /opt/plaza here.
        (tmp_path / file.name).write_text(file.read_text().replace("/opt/plaza/.venv/bin/python", sys.executable))
    units = [str(tmp_path / f"plaza-{name}.service") for name in NAMES]
    checked = subprocess.run([VERIFY, "verify", *units, str(tmp_path / "plaza.target")], capture_output=True, text=True)
    ours = [line for line in checked.stderr.splitlines() if "plaza" in line]
    assert (checked.returncode, ours) == (0, [])
