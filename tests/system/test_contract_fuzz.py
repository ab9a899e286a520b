"""Schemathesis against the running gateway, from its own OpenAPI document: as a customer, and as staff.

It makes all of its checks in all of its phases: single requests made from the document, valid and invalid, and chains
of requests along the links that it finds. What an OpenAPI document cannot say is in `contract_rules.py`.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.layout import ROOT
from tests.support.http import Client
from tests.support.plaza import CUSTOMER_PASSWORD, WITHOUT_THROTTLES, Plaza, clean_environment
from tests.system.contract_rules import ENDS_THE_CALLER
from tests.system.scene import make_staff

pytestmark = pytest.mark.long

SEED = 20_261_101  # the same seed makes the same cases
EXAMPLES = 10
TIME_OUT_S = 800  # a slow machine, on which other suites run too
# The first run is as two customers, who must not see each other's things. An operation that would end its caller's own
# account or session is sent as a throw-away customer. Staff's run leaves these operations out: it could delete itself.
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
allow-x00 = false  # refused in every string, as test_bad_input.py shows
database = "none"
"""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    """A Plaza for this module alone, because staff's run deletes accounts and products."""
    plaza = Plaza(tmp_path_factory.mktemp("fuzzed") / "data", **WITHOUT_THROTTLES)
    plaza.up()
    yield plaza
    plaza.down()


@pytest.fixture
def summary(request: pytest.FixtureRequest, record_testsuite_property: Any) -> Any:
    """Adds a figure to the report of the whole test run."""

    class Line:
        def __init__(self, text: str) -> None:
            self.text = text

        def pytest_terminal_summary(self, terminalreporter: Any) -> None:
            terminalreporter.write_line(self.text)

    def add(name: str, value: object) -> None:
        record_testsuite_property(name, value)
        request.config.pluginmanager.register(Line(f"{name}: {value}"))

    return add


def run(folder: Path, plaza: Plaza, people: list[Client], more: str) -> dict[str, Any]:
    """Run Schemathesis as `people` and return its report. Its failures are the test's."""
    entries = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {client.access}"}]}
        for name, client in zip(("first", "second"), people, strict=False)
    ]
    (folder / "people.json").write_text(json.dumps({"auth": entries}))
    configuration = CONFIGURATION.format(seed=SEED, people=folder / "people.json", more=more, examples=EXAMPLES)
    (folder / "schemathesis.toml").write_text(configuration)
    tokens = " ".join(client.access for client in people)
    finished = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--config-file", folder / "schemathesis.toml"),
            *("run", f"{plaza.url()}/api/schema/?format=json", "--checks", "all", "--no-color"),
            *("--report", "json", "--report-json-path", folder / "report.json"),
        ],
        cwd=ROOT,
        env=clean_environment(
            CONTRACT_TOKENS=tokens,
            CONTRACT_URL=plaza.url(),
            CONTRACT_PASSWORD=CUSTOMER_PASSWORD,
            CONTRACT_USER="" if more == AS_STAFF else people[0].user["id"],
            CONTRACT_ANSWERS=str(folder / "answers"),
        ),
        capture_output=True,
        text=True,
        timeout=TIME_OUT_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


@pytest.mark.parametrize("role", ["customer", "staff"])
def test_every_answer_is_as_the_document_describes(fuzzed: Plaza, tmp_path: Path, summary: Any, role: str) -> None:
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
    answers = Counter(map(int, (tmp_path / "answers").read_text().split()))
    summary(f"valid data as {role}", ", ".join(f"{count} x {status}" for status, count in sorted(answers.items())))
    agreed = sum(count for status, count in answers.items() if status < 300 or status == 409)
    assert agreed > answers.total() / 2, answers


def test_no_request_was_an_internal_error(fuzzed: Plaza) -> None:
    """After the two runs. The logs name exceptions that the answers hide."""
    for service in ("gateway", "users", "products", "orders"):
        lines = fuzzed.logs(service)
        assert len(lines) > 100
        assert [line for line in lines if "exception" in line or line.get("status", 0) >= 500] == []
