"""Schemathesis against the running gateway, from its own OpenAPI document: as a customer, and as staff.

All of its checks, in all of its phases: single requests made from the document, valid and not, and chains of them
along the links it finds. What a document cannot say is in `contract_rules.py`, rule by rule.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.layout import ROOT
from tests.system.access_scene import make_staff
from tests.system.client import Client
from tests.system.contract_rules import ENDS_THE_CALLER
from tests.system.plaza import WITHOUT_THROTTLES, System, clean_environment

pytestmark = pytest.mark.long

SEED = 20_261_101  # another one finds other cases; this one finds the same again
EXAMPLES = 10
TIME_OUT_S = 300
# As two customers, who must not see each other's things; what ends its caller is called by throw-aways. Staff may
# delete whoever the run itself is, so these four are the customers' alone.
AS_CUSTOMER = 'peers = ["first", "second"]'
AS_STAFF = f"[[operations]]\ninclude-name = {json.dumps(sorted(ENDS_THE_CALLER))}\nenabled = false"
CONFIGURATION = """
hooks = "tests.system.contract_rules"
seed = {seed}
suppress-health-check = ["all"]
[cache]
enabled = false
[auth.wfc]
path = "{people}"
{more}
[generation]
max-examples = {examples}
allow-x00 = false  # refused in every string, as test_raw_http.py shows
database = "none"
"""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One of its own: staff's run deletes whom and what it likes."""
    system = System(tmp_path_factory.mktemp("fuzzed") / "data", **WITHOUT_THROTTLES)
    system.up()
    yield system
    system.down()


@pytest.fixture
def summary(request: pytest.FixtureRequest, record_testsuite_property: Any) -> Any:
    """Says something at the end of the whole test run."""

    class Line:
        def __init__(self, text: str) -> None:
            self.text = text

        def pytest_terminal_summary(self, terminalreporter: Any) -> None:
            terminalreporter.write_line(self.text)

    def add(name: str, value: int) -> None:
        record_testsuite_property(name, value)
        request.config.pluginmanager.register(Line(f"{name}: {value}"))

    return add


def run(folder: Path, system: System, people: list[Client], more: str) -> dict[str, Any]:
    """Schemathesis' report; it fails with what Schemathesis says."""
    entries = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {client.access}"}]}
        for name, client in zip(("first", "second"), people, strict=False)
    ]
    (folder / "people.json").write_text(json.dumps({"auth": entries}))
    configuration = CONFIGURATION.format(seed=SEED, people=folder / "people.json", more=more, examples=EXAMPLES)
    (folder / "schemathesis.toml").write_text(configuration)
    tokens = " ".join(client.access for client in people)
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--config-file", folder / "schemathesis.toml"),
            *("run", f"{system.url()}/api/schema/?format=json", "--checks", "all", "--no-color"),
            *("--report", "json", "--report-json-path", folder / "report.json"),
        ],
        cwd=ROOT,
        env=clean_environment(CONTRACT_TOKENS=tokens, CONTRACT_URL=system.url()),
        capture_output=True,
        text=True,
        timeout=TIME_OUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


@pytest.mark.parametrize("role", ["customer", "staff"])
def test_every_answer_is_as_the_document_says(fuzzed: System, tmp_path: Path, summary: Any, role: str) -> None:
    if role == "customer":
        report = run(tmp_path, fuzzed, [fuzzed.customer(), fuzzed.customer()], AS_CUSTOMER)
    else:
        report = run(tmp_path, fuzzed, [make_staff(fuzzed)], AS_STAFF)

    assert (report["failures"], report["errors"], report["complete"]) == ([], [], True)
    left_out = len(ENDS_THE_CALLER) if role == "staff" else 0
    operations = report["operations"]
    assert (operations["tested"], operations["errored"]) == (operations["total"] - left_out, 0)
    assert {name for name, phase in report["phases"].items() if phase["status"] == "success"} >= {
        "coverage",
        "fuzzing",
        "stateful",
    }
    cases = report["test_cases"]["generated"]
    assert cases > 1000
    summary(f"contract cases as {role}", cases)


def test_none_of_it_was_an_error_of_ours(fuzzed: System) -> None:
    """After the two runs, whose answers hide what went wrong inside."""
    for service in ("gateway", "users", "products", "orders"):
        lines = fuzzed.logs(service)
        assert len(lines) > 100
        assert [line for line in lines if "exception" in line or line.get("status", 0) >= 500] == []
