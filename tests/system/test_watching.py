"""What is watched exists: every metric that an alert or the dashboard names is exported by the process that it says."""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest
import requests
import yaml

from common.version import VERSION
from operations.layout import ROOT, SERVERS, Service
from tests.support.plaza import Plaza, eventually, free_ports

WATCHED = ROOT / "deploy/observability"
RULES = yaml.safe_load((WATCHED / "plaza.rules.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((WATCHED / "grafana/plaza.json").read_text())
NAME = re.compile(r"\b(?:plaza|process)_[a-z0-9_]+")
OF_A_HISTOGRAM = re.compile("_(bucket|count|sum)$")


def expressions() -> list[str]:
    shown = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return [rule["expr"] for rule in RULES] + shown


@pytest.fixture(scope="module")
def relay_port(plaza: Plaza) -> Iterator[int]:
    """Of one more relay, which says how it is."""
    port = free_ports(1)
    environment = {**plaza.environment, "PLAZA_DATA_DIR": str(plaza.data_dir), "PRODUCTS_URL": plaza.url("products")}
    command = [plaza.python, str(plaza.root / "orders_project/manage.py"), "relay", "--metrics-port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        yield port
        process.terminate()


def exported(port: int) -> dict[str, str]:
    """The exposition, and the names in it."""

    def ask() -> str:
        try:
            return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        except requests.ConnectionError:
            return ""

    text = eventually(ask)
    return dict.fromkeys(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE), text)


def test_every_metric_that_is_named_is_exported(plaza: Plaza, relay_port: int) -> None:
    ports = [int(plaza.url(server.name).rpartition(":")[2]) for server in SERVERS]
    names = {name for port in (*ports, relay_port) for name in exported(port)}
    # A counter is declared without what its samples end with, by older clients.
    names |= {f"{name}_total" for name in names}
    named = {OF_A_HISTOGRAM.sub("", name) for expression in expressions() for name in NAME.findall(expression)}
    assert len(named) > 25
    assert named <= names


def test_every_record_that_is_named_is_made() -> None:
    made = {rule["record"] for rule in RULES if "record" in rule}
    named = {name for expression in expressions() for name in re.findall(r"\bplaza:[a-z0-9_:]+", expression)}
    assert named == made


def test_every_alert_says_what_to_do() -> None:
    for rule in RULES:
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
            assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]


def test_the_relay_counts_what_it_does(relay_port: int) -> None:
    text = next(iter(exported(relay_port).values()))
    assert re.search(r"^plaza_relay_last_step_timestamp_seconds 1\.\d+e\+09$", text, re.MULTILINE)
    assert 'plaza_relay_trouble{what="products is out"} 0.0' in text


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_every_process_says_what_runs(plaza: Plaza, server: Service) -> None:
    text = requests.get(f"{plaza.url(server.name)}/metrics", timeout=5).text
    assert f'plaza_build_info{{service="{server.name}",version="{VERSION}"}} 1.0' in text
