"""What the container files promise: who is reachable, as whom everything runs, and who knows which secret."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.compose_secrets import DIRECTORY, generate, write_missing

pytestmark = pytest.mark.compose

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().splitlines()
HADOLINT = Path(sys.prefix) / "bin" / "hadolint"

PROJECT_OF = {
    "gateway": "gateway_project",
    "users": "users_project",
    "products": "products_project",
    "orders": "orders_project",
    "relay": "orders_project",
    "admin": "users_project",
    "demo": "products_project",
}
PROJECTS = ("gateway", "users", "products", "orders")
JOBS = ("databases", "admin", "demo")
OWN_OF_JOBS = {"admin": {"PLAZA_ADMIN_PASSWORD"}}  # what a command reads that its project's settings don't

# Imports a project's settings as its container does, then again without each of the secrets in turn.
LOAD_SETTINGS = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
settings = importlib.import_module(sys.argv[1])
refusals = {}
for name in [name for name in os.environ if name.startswith("PLAZA_SECRET_")]:
    path = os.environ.pop(name)
    try:
        importlib.reload(settings)
    except ImproperlyConfigured as error:
        refusals[name] = str(error)
    os.environ[name] = path
database = settings.DATABASES["default"]
print(json.dumps({"refusals": refusals, "database": [database[key] for key in ("HOST", "USER", "NAME")]}))
"""


def environment_of(service: str) -> dict[str, str | None]:
    return dict(SERVICES[service].get("environment") or {})


def files_named_in(environment: dict[str, str | None]) -> list[str]:
    return sorted(str(path).removeprefix("/run/secrets/") for name, path in environment.items() if "_FILE" in name)


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, **options)


@pytest.fixture
def compose() -> list[str]:
    """The command line of compose's second version or newer; CI must have it."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and run(*command, "version").stdout.startswith("Docker Compose version"):
            return command
    reason = "no `docker compose`, version 2 or newer"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def test_compose_takes_the_file(compose: list[str]) -> None:
    result = run(*compose, "config", "--quiet")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_published_port_is_also_the_one_in_the_public_url(compose: list[str]) -> None:
    result = run(*compose, "config", "--format", "json", env={**os.environ, "PLAZA_PORT": "9000"})

    gateway = json.loads(result.stdout)["services"]["gateway"]
    assert gateway["environment"]["PUBLIC_URL"] == "http://127.0.0.1:9000"
    assert gateway["ports"] == [
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 8000, "published": "9000", "protocol": "tcp"}
    ]


def test_hadolint_finds_nothing() -> None:
    result = run(str(HADOLINT), "Dockerfile")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_image_holds_common_and_its_own_project_only() -> None:
    assert [line for line in DOCKERFILE if re.match("(COPY|ADD) ", line)] == [
        "COPY requirements.lock /tmp/requirements.lock",
        "COPY --from=packages /opt/plaza /opt/plaza",
        "COPY common/ common/",
        "COPY ${PROJECT}/ ${PROJECT}/",
    ]
    kept = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert kept == ["*", "!requirements.lock", "!common/", "!*_project/", "**/__pycache__/", "**/Data-base.db*"]


def test_packages_are_installed_by_their_hashes() -> None:
    (install,) = re.findall(r"pip install(.*?)&&", "".join(DOCKERFILE))
    assert {"--only-binary", "--require-hashes"} <= set(install.split())


def test_an_image_alone_runs_as_nobody_and_refuses_to_start_without_secrets() -> None:
    last = max(number for number, line in enumerate(DOCKERFILE) if line.startswith("FROM "))
    final = "\n".join(DOCKERFILE[last:])

    assert re.findall("^USER (.*)$", final, re.MULTILINE) == ["${UID}:${UID}"]
    assert "ARG UID=10001\n" in final
    assert "PLAZA_REQUIRE_SECRETS=true" in final
    assert "PYTHONDONTWRITEBYTECODE=1" in final


def test_each_project_has_an_image_and_a_user_of_its_own() -> None:
    built = {
        name: (service["image"], service["build"]["args"]["PROJECT"], service["build"]["args"]["UID"], service["user"])
        for name, service in SERVICES.items()
        if "build" in service
    }

    assert built == {
        "gateway": ("plaza-gateway", "gateway_project", 10001, "10001:10001"),
        "users": ("plaza-users", "users_project", 10002, "10002:10002"),
        "products": ("plaza-products", "products_project", 10003, "10003:10003"),
        "orders": ("plaza-orders", "orders_project", 10004, "10004:10004"),
        "relay": ("plaza-orders", "orders_project", 10004, "10004:10004"),
        "admin": ("plaza-users", "users_project", 10002, "10002:10002"),
        "demo": ("plaza-products", "products_project", 10003, "10003:10003"),
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_neither_become_root_nor_write_nor_take_all_memory(name: str) -> None:
    service = SERVICES[name]

    assert service["user"].split(":")[0] not in {"", "0", "root"}
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"] == 200
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode", "userns_mode"} & service.keys()


def test_no_container_sees_the_host_or_another_service_s_volume() -> None:
    volumes = {name: service["volumes"] for name, service in SERVICES.items() if service.get("volumes")}

    assert volumes == {
        "gateway": ["gateway-data:/var/lib/plaza"],
        "users": ["users-data:/var/lib/plaza"],
        "admin": ["users-data:/var/lib/plaza"],
        "products": ["products-data:/var/lib/plaza"],
        "demo": ["products-data:/var/lib/plaza"],
        "orders": ["orders-data:/var/lib/plaza"],
        "relay": ["orders-data:/var/lib/plaza"],
        "postgres": ["postgres-data:/var/lib/postgresql/data"],
    }


def test_only_the_gateway_is_published_and_on_this_machine_unless_told_otherwise() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"gateway": ["${PLAZA_BIND:-127.0.0.1}:${PLAZA_PORT:-8000}:8000"]}


def test_only_the_gateway_s_public_network_leads_anywhere_else() -> None:
    assert [name for name, network in COMPOSE["networks"].items() if not network.get("internal")] == ["public"]
    assert [name for name, service in SERVICES.items() if "public" in service["networks"]] == ["gateway"]


def test_two_containers_share_a_network_only_if_they_talk() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    neighbours = {tuple(sorted(pair)) for pair in combinations(networks, 2) if networks[pair[0]] & networks[pair[1]]}

    with_postgres = {tuple(sorted((name, "postgres"))) for name in [*PROJECT_OF, "databases"]}
    same_database = {("admin", "users"), ("demo", "products"), ("orders", "relay")}
    assert neighbours == with_postgres | same_database | {
        ("gateway", "users"),
        ("gateway", "products"),
        ("gateway", "orders"),
        ("gateway", "redis"),
        ("orders", "products"),
        ("products", "relay"),
    }


@pytest.mark.parametrize("name", PROJECT_OF)
def test_a_container_gets_exactly_the_secrets_that_its_variables_name(name: str) -> None:
    assert sorted(SERVICES[name]["secrets"]) == files_named_in(environment_of(name))


def test_who_sets_the_databases_up_knows_their_passwords_and_nothing_else() -> None:
    assert SERVICES["postgres"]["secrets"] == ["postgres-password"]
    assert SERVICES["databases"]["secrets"] == ["postgres-password", *(f"{name}-database-url" for name in PROJECTS)]
    assert "secrets" not in SERVICES["redis"]


def test_every_secret_is_a_file_that_the_generator_makes() -> None:
    folder = DIRECTORY.relative_to(ROOT)

    assert COMPOSE["secrets"] == {name: {"file": str(folder / name)} for name in generate()}


@pytest.mark.parametrize("name", PROJECT_OF)
def test_every_variable_is_documented_in_the_settings_of_its_project(name: str) -> None:
    source = (ROOT / PROJECT_OF[name] / "settings.py").read_text()
    documented = set(re.findall("[A-Z][A-Z_]+[A-Z]", ast.get_docstring(ast.parse(source)) or ""))

    variables = {variable.removesuffix("_FILE").removeprefix("PLAZA_SECRET_") for variable in environment_of(name)}
    assert variables - documented == OWN_OF_JOBS.get(name, set())


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_starts_with_its_secrets_on_its_own_database_and_lacks_each_that_is_taken_away(
    name: str, tmp_path: Path
) -> None:
    secrets, data = tmp_path / "secrets", tmp_path / "data"
    write_missing(secrets)
    handed_on = {variable: value for variable, value in environment_of(name).items() if value}
    environment = {variable: value.replace("/run/secrets", str(secrets)) for variable, value in handed_on.items()}
    environment |= {"PLAZA_REQUIRE_SECRETS": "true", "PLAZA_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}

    result = run(sys.executable, "-c", LOAD_SETTINGS, f"{PROJECT_OF[name]}.settings", env=environment)

    assert result.stderr == ""
    told = json.loads(result.stdout)
    assert told["database"] == ["postgres", name, name]
    assert told["refusals"] == {
        variable: f"The secret {variable.removesuffix('_FILE')} is missing: set it, or {variable}."
        for variable in environment
        if variable.startswith("PLAZA_SECRET_")
    }
    assert not data.exists()


def test_a_role_may_connect_to_its_own_database_only() -> None:
    script = SERVICES["databases"]["command"][0]

    assert re.search(r"for NAME in (.*); do", script)[1].split() == list(PROJECTS)
    assert 'REVOKE ALL ON DATABASE :"name" FROM PUBLIC;' in script
    assert "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;" in script
    assert "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD" in script


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in JOBS])
def test_whatever_keeps_running_is_asked_for_its_health_and_started_again(name: str) -> None:
    service = SERVICES[name]
    serves = "build" in service and service.get("command", ["serve"])[0] == "serve"
    own_check = service.get("healthcheck", {}).get("test", [])
    from_the_image = any("http://127.0.0.1:8000/health/ready" in line for line in DOCKERFILE)

    assert (serves and from_the_image and not own_check) or own_check[0] in {"CMD", "CMD-SHELL"}
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_once(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"
    assert SERVICES[name]["healthcheck"] == {"disable": True}


def test_nothing_starts_before_its_database_and_the_gateway_does_not_wait_for_the_services_health() -> None:
    waits = {
        name: {other: wait["condition"] for other, wait in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }

    database = {"databases": "service_completed_successfully"}
    assert waits == {
        "postgres": {},
        "redis": {},
        "databases": {"postgres": "service_healthy"},
        "users": database,
        "products": database,
        "orders": database,
        "gateway": database
        | {"redis": "service_healthy"}
        | dict.fromkeys(("users", "products", "orders"), "service_started"),
        "relay": {"orders": "service_healthy"},
        "admin": {"users": "service_healthy"},
        "demo": {"products": "service_healthy"},
    }
