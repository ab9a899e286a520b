"""The container files: who is reachable, which user each process runs as, and who knows which secret."""

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

from operations.compose_secrets import DIRECTORY, generate, holders, write_missing
from operations.layout import SERVERS
from tests.support.plaza import Plaza

pytestmark = pytest.mark.compose

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().splitlines()
HADOLINT = Path(sys.prefix) / "bin" / "hadolint"

VERSION = "${PLAZA_VERSION:-%s}" % (ROOT / "common/VERSION").read_text().strip()  # noqa: UP031
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
WATCHED = ("front", *PROJECTS, "relay")
WATCHERS = ("prometheus", "grafana", "collector")
JOBS = ("databases", "admin", "demo", "operator", "backup")
OWN_OF_JOBS = {"admin": {"PLAZA_ADMIN_PASSWORD"}}  # read by a command, and not by its project's settings
PROMTOOL = shutil.which("promtool")

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
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, **options)


@pytest.fixture
def compose() -> list[str]:
    """The command line of compose, version 2 or newer. CI must have it."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and run(*command, "version").stdout.startswith("Docker Compose version"):
            return command
    reason = "no `docker compose`, version 2 or newer"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def test_compose_accepts_the_file(compose: list[str]) -> None:
    result = run(*compose, "config", "--quiet")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_published_port_is_also_the_one_in_the_public_url(compose: list[str]) -> None:
    result = run(*compose, "config", "--format", "json", env={**os.environ, "PLAZA_PORT": "9000"})

    services = json.loads(result.stdout)["services"]
    assert services["gateway"]["environment"]["PUBLIC_URL"] == "http://127.0.0.1:9000"
    assert services["front"]["ports"] == [
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 8000, "published": "9000", "protocol": "tcp"}
    ]


def test_the_gateways_trust_the_network_of_the_front_and_what_else_is_named(compose: list[str]) -> None:
    named = {"TRUSTED_PROXIES": "192.0.2.0/24", "FRONT_SUBNET": "10.9.8.0/24"}
    for environment, trusted in (({}, "10.213.64.0/24"), (named, "10.9.8.0/24,192.0.2.0/24")):
        result = run(*compose, "config", "--format", "json", env={**os.environ, **environment})
        config = json.loads(result.stdout)
        assert config["services"]["gateway"]["environment"]["TRUSTED_PROXIES"] == trusted
        assert config["networks"]["front-gateway"]["ipam"]["config"] == [{"subnet": trusted.split(",")[0]}]


def test_the_front_speaks_tls_if_a_certificate_is_named(compose: list[str]) -> None:
    for environment, path, file in (
        ({}, "", "/dev/null"),
        ({"PLAZA_TLS_PEM": "/etc/shop.pem"}, "/run/secrets/tls-pem", "/etc/shop.pem"),
    ):
        config = json.loads(run(*compose, "config", "--format", "json", env={**os.environ, **environment}).stdout)
        assert config["services"]["front"]["environment"]["FRONT_TLS"] == path
        assert config["secrets"]["tls-pem"]["file"] == file


@pytest.fixture
def promtool() -> str:
    """Prometheus' own check of its files. CI must have it."""
    if PROMTOOL:
        return PROMTOOL
    if os.environ.get("CI") == "true":
        pytest.fail("no promtool")
    pytest.skip("no promtool")


@pytest.mark.parametrize("command", [("check", "rules", "plaza.rules.yml"), ("test", "rules", "plaza.rules.test.yml")])
def test_promtool_accepts_the_rules(promtool: str, command: tuple[str, ...]) -> None:
    *what, file = command
    result = run(promtool, *what, str(ROOT / "deploy/observability" / file))

    assert (result.returncode, "SUCCESS" in result.stdout) == (0, True), result.stdout + result.stderr


def test_promtool_accepts_what_is_scraped(promtool: str, tmp_path: Path) -> None:
    config = (ROOT / "deploy/observability/prometheus.yml").read_text()
    (tmp_path / "token").touch()
    (tmp_path / "plaza.rules.yml").write_text((ROOT / "deploy/observability/plaza.rules.yml").read_text())
    here = config.replace("/run/secrets/metrics-token", "token").replace("/etc/prometheus/", "")
    (tmp_path / "prometheus.yml").write_text(here)
    result = run(promtool, "check", "config", str(tmp_path / "prometheus.yml"))

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_replica_is_scraped() -> None:
    config = yaml.safe_load((ROOT / "deploy/observability/prometheus.yml").read_text())
    assert [job["job_name"] for job in config["scrape_configs"]] == [
        "gateway",
        "users",
        "products",
        "orders",
        "relay",
        "front",
    ]
    assert {job["dns_sd_configs"][0]["names"][0] for job in config["scrape_configs"]} == set(WATCHED)


def test_hadolint_finds_nothing() -> None:
    result = run(str(HADOLINT), "Dockerfile")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_image_holds_common_and_its_own_project_only() -> None:
    assert [line for line in DOCKERFILE if re.match("(COPY|ADD) ", line)] == [
        "COPY requirements.lock requirements-otel.lock /tmp/",
        "COPY operations/ operations/",
        "COPY --from=packages /opt/plaza /opt/plaza",
        "COPY common/ common/",
        "COPY ${PROJECT}/ ${PROJECT}/",
    ]
    copied = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert copied == [
        "*",
        "!requirements.lock",
        "!requirements-otel.lock",
        "!common/",
        "!*_project/",
        "!operations/",
        "**/__pycache__/",
        "**/Data-base.db*",
    ]


def test_packages_are_installed_by_their_hashes() -> None:
    (install,) = re.findall(r"pip install(.*?)&&", "".join(DOCKERFILE))
    assert {"--only-binary", "--no-deps", "--require-hashes"} <= set(install.split())


def test_an_image_alone_runs_without_privileges_and_requires_secrets() -> None:
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
        if "build" in service and name != "backup"
    }

    assert built == {
        "gateway": (f"plaza-gateway:{VERSION}", "gateway_project", 10001, "10001:10001"),
        "users": (f"plaza-users:{VERSION}", "users_project", 10002, "10002:10002"),
        "products": (f"plaza-products:{VERSION}", "products_project", 10003, "10003:10003"),
        "orders": (f"plaza-orders:{VERSION}", "orders_project", 10004, "10004:10004"),
        "relay": (f"plaza-orders:{VERSION}", "orders_project", 10004, "10004:10004"),
        "admin": (f"plaza-users:{VERSION}", "users_project", 10002, "10002:10002"),
        "demo": (f"plaza-products:{VERSION}", "products_project", 10003, "10003:10003"),
        "operator": (f"plaza-operator:{VERSION}", "operations", 10005, "10005:10005"),
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
    assert service["pids_limit"] == {"gateway": 1200, "front": 100}.get(name, 200)  # a gateway's calls wait in threads
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
        "prometheus": ["prometheus-data:/prometheus"],
        "grafana": ["grafana-data:/var/lib/grafana"],
        "postgres": ["postgres-data:/var/lib/postgresql/data"],
        "backup": ["${PLAZA_BACKUPS:-backups}:/backups"],
    }


def test_only_the_front_and_on_this_machine_grafana_are_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {
        "front": ["${PLAZA_BIND:-127.0.0.1}:${PLAZA_PORT:-8000}:8000"],
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
    }


def test_only_the_networks_of_what_is_published_lead_anywhere_else() -> None:
    assert [name for name, network in COMPOSE["networks"].items() if not network.get("internal")] == [
        "public",
        "mail",
        "grafana",
    ]
    for network, owner in (("public", "front"), ("grafana", "grafana"), ("mail", "users")):
        assert [name for name, service in SERVICES.items() if network in service["networks"]] == [owner]


def test_two_containers_share_a_network_only_if_they_talk() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    neighbours = {tuple(sorted(pair)) for pair in combinations(networks, 2) if networks[pair[0]] & networks[pair[1]]}

    with_postgres = {tuple(sorted((name, "postgres"))) for name in [*PROJECT_OF, "databases", "backup"]}
    same_database = {("admin", "users"), ("demo", "products"), ("orders", "relay")}
    watched = {tuple(sorted((name, "prometheus"))) for name in WATCHED}
    told = {tuple(sorted((name, "collector"))) for name in WATCHED[1:]}
    assert neighbours == with_postgres | same_database | watched | told | {
        ("collector", "prometheus"),
        ("grafana", "prometheus"),
        ("front", "gateway"),
        ("gateway", "users"),
        ("gateway", "products"),
        ("gateway", "orders"),
        ("gateway", "redis"),
        ("orders", "products"),
        ("products", "relay"),
        *(tuple(sorted(("operator", name))) for name in PROJECTS),
    }


@pytest.mark.parametrize("name", PROJECT_OF)
def test_a_container_gets_exactly_the_secrets_that_its_variables_name(name: str) -> None:
    assert sorted(SERVICES[name]["secrets"]) == files_named_in(environment_of(name))


def test_the_job_that_makes_the_databases_knows_their_passwords_alone() -> None:
    assert SERVICES["postgres"]["secrets"] == ["postgres-password"]
    assert SERVICES["databases"]["secrets"] == ["postgres-password", *(f"{name}-database-url" for name in PROJECTS)]
    assert "secrets" not in SERVICES["redis"]


def test_every_secret_is_a_file_that_the_generator_makes() -> None:
    folder = DIRECTORY.relative_to(ROOT)

    generated = {name: {"file": str(folder / name)} for name in generate()}
    assert COMPOSE["secrets"] == {"tls-pem": {"file": "${PLAZA_TLS_PEM:-/dev/null}"}, **generated}


def test_every_config_is_a_file_of_the_repository() -> None:
    assert all((ROOT / config["file"]).is_file() for config in COMPOSE["configs"].values())
    mounted = {each["source"] for service in SERVICES.values() for each in service.get("configs", [])}
    assert mounted == set(COMPOSE["configs"])


@pytest.mark.parametrize("name", PROJECT_OF)
def test_every_variable_is_documented_in_the_settings_of_its_project(name: str) -> None:
    source = (ROOT / PROJECT_OF[name] / "settings.py").read_text()
    documented = set(re.findall("[A-Z][A-Z_]+[A-Z]", ast.get_docstring(ast.parse(source)) or ""))

    variables = {variable.removesuffix("_FILE").removeprefix("PLAZA_SECRET_") for variable in environment_of(name)}
    assert variables - documented == OWN_OF_JOBS.get(name, set())


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_starts_with_its_secrets_and_refuses_to_without_any_of_them(name: str, tmp_path: Path) -> None:
    secrets, data = tmp_path / "secrets", tmp_path / "data"
    write_missing(secrets)
    # Compose fills in what begins with "$"; here it is left to its default.
    handed_on = {
        variable: value for variable, value in environment_of(name).items() if value and not value.startswith("$")
    }
    environment = {variable: value.replace("/run/secrets", str(secrets)) for variable, value in handed_on.items()}
    environment |= {"PLAZA_REQUIRE_SECRETS": "true", "PLAZA_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}

    result = run(sys.executable, "-c", LOAD_SETTINGS, f"{PROJECT_OF[name]}.settings", env=environment)

    assert result.stderr == ""
    loaded = json.loads(result.stdout)
    assert loaded["database"] == ["postgres", name, name]
    assert loaded["refusals"] == {
        variable: f"The secret {variable.removesuffix('_FILE')} is missing: set it, or {variable}."
        for variable in environment
        if variable.startswith("PLAZA_SECRET_")
    }
    assert not data.exists()


def test_the_operator_knows_the_keys_of_the_two_that_an_audit_asks_and_starts_only_when_it_is_told_to() -> None:
    operator = SERVICES["operator"]

    assert operator["profiles"] == ["operator"]
    assert (
        operator["secrets"]
        == ["operator-products", "operator-orders"]
        == files_named_in(environment_of("operator"))[::-1]
    )


@pytest.mark.parametrize("command", ["audit", "status"])
def test_the_operator_s_command_runs_where_only_variables_say_where_the_services_are(
    command: str, tmp_path: Path, plaza: Plaza
) -> None:
    environment = {variable: str(value) for variable, value in environment_of("operator").items()}
    for server in SERVERS:
        environment[server.url_variable] = server.url(plaza.port)
    for name in ("products", "orders"):
        environment[f"PLAZA_SECRET_OPERATOR_{name.upper()}_FILE"] = str(plaza.data_dir / f"secrets/operator-{name}")
    environment["PLAZA_DATA_DIR"] = str(tmp_path / "empty")

    result = run(sys.executable, "operations/manage.py", command, "--json", env=environment)

    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    if command == "audit":
        assert found["differences"] == []
    else:
        assert [each["name"] for each in found["services"] if each["healthy"]] == [server.name for server in SERVERS]
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("name", generate())
def test_who_is_made_again_for_a_new_secret_is_who_has_it(name: str) -> None:
    lasting = {service for service in SERVICES if service not in JOBS}

    assert set(holders(name)) == {service for service in lasting if name in SERVICES[service].get("secrets", ())}


def test_a_backup_is_made_of_postgresql_s_own_image_and_knows_nothing_but_the_databases() -> None:
    backup = SERVICES["backup"]

    assert f"FROM {SERVICES['postgres']['image']} AS backup" in DOCKERFILE  # pg_dump mustn't be older than the server
    assert (backup["image"], backup["build"]["target"]) == (f"plaza-backup:{VERSION}", "backup")
    assert backup["profiles"] == ["operator"]
    assert sorted(backup["secrets"]) == sorted(f"{name}-database-url" for name in PROJECTS)
    assert backup["secrets"] == sorted(files_named_in(environment_of("backup")))


def test_a_role_may_connect_to_its_own_database_only() -> None:
    script = SERVICES["databases"]["command"][0]

    assert re.search(r"for NAME in (.*); do", script)[1].split() == list(PROJECTS)
    assert 'REVOKE ALL ON DATABASE :"name" FROM PUBLIC;' in script
    assert "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;" in script
    assert "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD" in script


def test_who_watches_knows_the_secret_of_metrics_alone_and_starts_only_when_asked_to() -> None:
    assert {name: SERVICES[name].get("secrets", []) for name in WATCHERS} == {
        "prometheus": ["metrics-token"],
        "grafana": ["grafana-password"],
        "collector": [],
    }
    assert all(SERVICES[name]["profiles"] == ["observability"] for name in WATCHERS)
    assert SERVICES["front"]["secrets"] == ["tls-pem"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in (*JOBS, "collector")])
def test_every_lasting_service_has_a_health_check_and_is_restarted(name: str) -> None:
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
        "front": {"gateway": "service_started"},
        "prometheus": {},
        "grafana": {},
        "collector": {},
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
        "operator": {},
        "backup": {},
    }
