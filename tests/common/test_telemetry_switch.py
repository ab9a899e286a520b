"""Spans are an extra: who asks for none pays nothing, and who asks without the packages is told how to get them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from common import tracing
from common.settings import ROOT
from common.telemetry import Spans

COLLECTOR = "http://127.0.0.1:4318"
SCRIPT = """
import sys, django
django.setup()
from django.test import Client
assert Client(SERVER_NAME="localhost").get("/health/live").status_code == 200
print(any(name.split(".")[0] == "opentelemetry" for name in sys.modules))
"""


@pytest.fixture(autouse=True)
def without_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "spans", None)


@pytest.mark.parametrize("endpoint", [None, ""])
def test_nobody_asked_for_spans(monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    if endpoint is not None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    tracing.export_spans("products")
    assert tracing.spans is None


def test_who_names_a_collector_gets_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
    tracing.export_spans("products")
    assert isinstance(tracing.spans, Spans)


def test_an_endpoint_without_the_packages_is_refused_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
    monkeypatch.delitem(sys.modules, "common.telemetry")
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with pytest.raises(ImproperlyConfigured) as caught:
        tracing.export_spans("products")
    assert str(caught.value) == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
        "pip install -r requirements-otel.lock, or unset it."
    )
    assert tracing.spans is None


@pytest.mark.parametrize(("endpoint", "imported"), [("", "False"), (COLLECTOR, "True")])
def test_a_process_imports_opentelemetry_only_when_asked_to(tmp_path: Path, endpoint: str, imported: str) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "products_project.settings",
        "PLAZA_DATA_DIR": str(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [imported]), done.stderr
