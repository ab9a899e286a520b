import argparse
import json
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from experiments import bench
from experiments.bench import asks, blast_radius, crowd, filling, gateway, packages, rounds, usage, wrk
from experiments.bench.packages import NODE_LOCK, PYTHON_LOCK
from experiments.bench.plot import relative
from experiments.bench.report import Report
from experiments.bench.rounds import Comparison, Plan, Sample, Side, Spread
from experiments.bench.sides import key_set
from experiments.bench.stub import PRODUCT_ID, answer_to, end_of_request
from experiments.bench.wrk import Load, Request
from experiments.chaos.shop import Shop
from operations import processes
from operations.console import OperationError

TWO_SIDES = Comparison("CPU µs", figures={"a page": {"Plaza": [10.0, 30.0, 20.0], "peer": [20.0, 40.0, 50.0]}})


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    bench.configure(parser)
    return parser


@pytest.fixture(autouse=True)
def _no_signal_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `bench` installs for itself would stay in this process."""
    monkeypatch.setattr(processes, "interrupt_at", lambda *numbers: None)


@pytest.fixture(autouse=True)
def _wrk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were there."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


# The command


def test_named_measurements_run_in_the_order_asked_with_their_options(
    parser: argparse.ArgumentParser,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[tuple[str, Plan]] = []

    def found(name: str, plan: Plan) -> Report:
        asked.append((name, plan))
        return Report.of(f"All of {name}", TWO_SIDES)

    monkeypatch.setattr(gateway, "measure", lambda plan: found("gateway", plan))
    monkeypatch.setattr(crowd, "measure", lambda plan: found("crowd", plan))
    files = ["--json", str(tmp_path / "a.json"), "--svg", str(tmp_path / "a.svg")]
    options = parser.parse_args(["crowd", "gateway", "crowd", "--quick", "--seconds", "7", *files])
    assert options.run(options) == 0
    assert asked == [("crowd", Plan(7, 2, is_quick=True)), ("gateway", Plan(7, 2, is_quick=True))]
    assert "All of crowd" in capsys.readouterr().out
    assert set(json.loads((tmp_path / "a.json").read_text())["measurements"]) == {"crowd", "gateway"}
    assert {path.name for path in tmp_path.glob("*.svg")} == {"a-crowd.svg", "a-gateway.svg"}


def test_one_measurement_writes_the_chart_where_it_was_told_to(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gateway, "measure", lambda plan: Report.of("A gateway", TWO_SIDES))
    options = parser.parse_args(["gateway", "--svg", str(tmp_path / "a.svg")])
    options.run(options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


@pytest.mark.parametrize(
    ("arguments", "plan"),
    [
        ([], Plan(4, 5)),
        (["--quick"], Plan(2, 2, is_quick=True)),
        (["--quick", "--rounds", "9"], Plan(2, 9, is_quick=True)),
        (["--seconds", "60"], Plan(60, 5)),
    ],
)
def test_how_long_and_how_often(parser: argparse.ArgumentParser, arguments: list[str], plan: Plan) -> None:
    assert bench.plan_of("gateway", parser.parse_args(arguments)) == plan


def test_each_measurement_is_a_module_and_listed(parser: argparse.ArgumentParser) -> None:
    assert {path.stem for path in Path(bench.__file__).parent.glob("*.py")} >= set(bench.MEASUREMENTS)
    assert all(name in (parser.description or "") for name in bench.MEASUREMENTS)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["speed"], "'speed' is none of gateway, whole_path"),
        (["gateway", "--seconds", "0"], "must be 1 or more"),
        (["gateway", "--rounds", "none"], "invalid positive value"),
    ],
)
def test_wrong_usage_is_refused_in_words(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(arguments)
    assert complaint in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(parser: argparse.ArgumentParser) -> None:
    options = parser.parse_args(["gateway", "--json", "no-such-folder/a.json"])
    with pytest.raises(OperationError, match="its folder does not exist"):
        options.run(options)


def test_signals_that_end_a_command_end_what_it_started(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[signal.Signals] = []
    monkeypatch.setattr(processes, "interrupt_at", lambda *numbers: handled.extend(numbers))
    monkeypatch.setattr(gateway, "measure", lambda plan: Report.of("A gateway", TWO_SIDES))
    options = parser.parse_args(["gateway"])
    options.run(options)
    assert handled == [signal.SIGTERM, signal.SIGHUP]


# Statistics


def test_the_median_and_the_range_of_the_rounds() -> None:
    assert TWO_SIDES.spread("a page", "Plaza") == Spread(20, 10, 30)


def test_a_ratio_compares_figures_of_the_same_round() -> None:
    assert TWO_SIDES.ratio("a page", "peer") == Spread(0.5, 0.4, 0.75)
    assert TWO_SIDES.ratio("a page", "Plaza") is None


def test_two_sides_stand_in_one_line() -> None:
    assert TWO_SIDES.table == [
        ("what", "Plaza, CPU µs", "range", "peer, CPU µs", "range", "Plaza ÷ peer", "range"),
        ("a page", "20", "10–30", "40", "20–50", "0.50", "0.40–0.75"),
    ]


def test_each_of_three_sides_has_its_own_line() -> None:
    three = Comparison("ms", 1, {"a page": {"Plaza": [1.0], "peer": [4.0], "other": [0.5]}}, "SQLite")
    assert three.table == [
        ("SQLite", "side", "ms", "range", "Plaza ÷ side", "range of it"),
        ("a page", "Plaza", "1.0", "1.0–1.0", "", ""),
        ("a page", "peer", "4.0", "4.0–4.0", "0.25", "0.25–0.25"),
        ("a page", "other", "0.5", "0.5–0.5", "2.00", "2.00–2.00"),
    ]


def test_a_side_that_stands_alone_has_no_ratio() -> None:
    assert Comparison("ms", figures={"a page": {"Plaza": [1.0]}}).table[1:] == [("a page", "Plaza", "1", "1–1", "", "")]


def test_the_json_holds_every_round() -> None:
    assert Report.of("A gateway", TWO_SIDES).figures == {
        "CPU µs": {
            "a page": {
                "Plaza": {"rounds": [10.0, 30.0, 20.0], "median": 20.0, "ratio": None},
                "peer": {"rounds": [20.0, 40.0, 50.0], "median": 40.0, "ratio": 0.5},
            }
        }
    }


def test_the_chart_shows_each_side_as_a_multiple_of_the_first_peer() -> None:
    chart = relative("A & B", {"a page": {"Plaza": 20.0, "peer": 40.0, "other": 10.0}}, "CPU µs")
    assert "A &amp; B" in chart
    assert [f"{multiple} × ({value} CPU µs)" in chart for multiple, value in (("0.50", 20), ("1.00", 40))] == [True] * 2
    assert "0.25 × (10 CPU µs)" in chart


# Rounds


def test_sides_alternate_and_every_second_round_goes_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, str, float]] = []

    def take(side: Side, case: str, seconds: float, connections: int) -> Sample:
        order.append((side.name, case, seconds))
        return Sample(Load(seconds, 1, 1, {"200": 10}), 0.5)

    monkeypatch.setattr(rounds, "take", take)
    both = {"a page": Request(["/"]), "an order": Request(["/"])}
    sides = [Side("A", 1, [], list, both), Side("B", 2, [], list, {"a page": Request(["/"])})]
    taken = rounds.samples(sides, Plan(3, 2))
    first, second = [("A", "a page", 3), ("B", "a page", 3)], [("B", "a page", 3), ("A", "a page", 3)]
    assert [entry for entry in order if entry[1] == "a page"][2:] in ([*first, *second], [*second, *first])
    assert {case: {side: len(those) for side, those in sides.items()} for case, sides in taken.items()} == {
        "a page": {"A": 2, "B": 2},
        "an order": {"A": 2},
    }
    cpu = rounds.compared(taken, "CPU µs", lambda sample: sample.cpu_us)
    assert cpu.figures["a page"]["B"] == [50_000.0, 50_000.0]


@pytest.mark.parametrize(
    "load",
    [
        Load(1, 1, 1, {}),
        Load(1, 1, 1, {"503": 100}),
        Load(1, 1, 1, {"200": 90, "503": 10}),
        Load(1, 1, 1, {"200": 100}, broken=1),
    ],
)
def test_a_side_that_does_not_answer_as_asked_has_no_figures(load: Load) -> None:
    with pytest.raises(OperationError, match="Plaza, a page"):
        rounds.require_answers(load, 200, "Plaza, a page")


def test_one_refusal_in_hundreds_is_borne() -> None:
    rounds.require_answers(Load(1, 1, 1, {"200": 995, "503": 5}), 200, "Plaza, a page")


# Tables full of rows


@pytest.mark.parametrize("dialect", [filling.SQLITE, filling.POSTGRES])
def test_rows_are_the_same_on_both_databases(dialect: filling.Dialect) -> None:
    statements = filling.statements(dialect, rows=1000)
    assert set(statements) == {"users", "products", "orders"}
    tables = [statement.split("INSERT INTO ")[1].split(" ")[0] for those in statements.values() for statement in those]
    assert tables == [
        "users_user",
        "products_category",
        "products_product",
        "products_stockmovement",
        "products_reservation",
        "products_reservationline",
        "orders_order",
        "orders_orderline",
        "orders_orderevent",
    ]


def test_ids_are_what_the_expressions_make() -> None:
    (made,) = sqlite3.connect(":memory:").execute(f"SELECT {filling.SQLITE.row_id('order', '255')}").fetchone()
    assert made == filling.row_id("order", 255).hex


def test_no_turn_asks_for_what_is_rare() -> None:
    tables = asks.Tables(1000, cast(Shop, None))
    numbers = [tables.number(turn) for turn in range(3000)]
    assert {1 <= number <= 1000 and number % 40 not in (7, 11) for number in numbers} == {True}
    assert len(set(numbers)) > 900


# wrk


def test_the_last_words_of_wrk_are_read() -> None:
    output = (
        "Running 2s test @ http://127.0.0.1:8000\n  8 threads\n"
        'BENCH {"seconds": 2.01, "p50_us": 950, "p99_us": 4100, "broken": 1, "statuses": {"200": 40, "503": 2}}\n'
    )
    assert wrk.load_in(output) == Load(2.01, 950, 4100, {"200": 40, "503": 2}, broken=1)
    assert wrk.load_in(output).answers == 42


def test_a_wrk_without_a_result_is_reported_with_what_it_said() -> None:
    with pytest.raises(OperationError, match=r"unable to connect to 127\.0\.0\.1:1"):
        wrk.load_in("", "unable to connect to 127.0.0.1:1\n")


def test_the_script_names_what_is_sent() -> None:
    request = Request(["/a/%d/", "/b/"], ['{"note": "x\\"y"}'], "POST", 201)
    script = wrk.script_for(request, ["one", "two"], first=5)
    assert 'local method, tokens, paths, bodies = "POST", {"one", "two"}, {"/a/%d/", "/b/"}' in script
    assert r'{"{\"note\": \"x\\\"y\"}"}' in script
    assert "local n, threads = 5, {}" in script


def test_without_wrk_a_sentence_names_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(OperationError, match="apt install wrk"):
        wrk.find()


def test_wrk_is_looked_for_before_anything_is_started(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "measure", lambda plan: pytest.fail("something was started"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    options = parser.parse_args(["gateway"])
    with pytest.raises(OperationError, match="apt install wrk"):
        options.run(options)


def test_what_does_not_use_wrk_runs_without_it(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blast_radius, "measure", lambda plan: Report.of("A sick service", TWO_SIDES))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    options = parser.parse_args(["blast_radius"])
    assert options.run(options) == 0


# What processes take


def test_cpu_is_its_own_and_that_of_children_that_ended() -> None:
    assert usage.ticks_in("7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 100 20 3 4 20 0 8 0 5 6 7") == 127
    assert usage.ticks_in("") == 0


def test_memory_is_read_from_the_sum_that_the_kernel_keeps() -> None:
    rollup = "00400000-7ffd [rollup]\nRss:   2048 kB\nPss:   1024 kB\nPss_Anon:  512 kB\nShared_Clean: 9 kB\n"
    assert usage.memory_in(rollup) == usage.Memory(1.0, 2.0)
    assert usage.memory([]) == usage.Memory()


# The stub and the peers


def test_the_stub_waits_for_the_whole_request() -> None:
    head = b"POST /credentials/ HTTP/1.1\r\nContent-Length: 4\r\n\r\n"
    assert end_of_request(head[:-2]) is None
    assert end_of_request(head + b"abc") is None
    assert end_of_request(head + b"abcdGET / HTTP/1.1") == len(head) + 4


@pytest.mark.parametrize(
    ("request_line", "holds"),
    [
        (b"GET /users/me/ HTTP/1.1", b'"username":"ada"'),
        (b"GET /products/?max_price=7 HTTP/1.1", b'"results":['),
        (b"GET /products/01890000-0000-7000-8000-000000000077/ HTTP/1.1", b"000000000077"),
        (b"POST /credentials/ HTTP/1.1", b'"password_version":1'),
        (b"GET /health/ready HTTP/1.1", b'"status":"ok"'),
    ],
)
def test_the_stub_answers_what_services_would(request_line: bytes, holds: bytes) -> None:
    head, _, body = answer_to(request_line + b"\r\n\r\n").partition(b"\r\n\r\n")
    assert holds in body
    assert f"Content-Length: {len(body)}".encode() in head
    assert (PRODUCT_ID.encode() in body) is (b"?max_price" in request_line)


def test_envoy_is_given_the_key_as_a_key_set() -> None:
    assert json.loads(key_set("a key"))["keys"] == [{"kty": "oct", "alg": "HS256", "k": "YSBrZXk"}]


def test_packages_are_installed_once_for_each_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "System", lambda: SimpleNamespace(base=tmp_path))
    lock, installed = tmp_path / "some.lock", []
    for content in ("one", "one", "two"):
        lock.write_text(content)
        packages.installed("python", lock, installed.append)
    assert installed == [tmp_path / "bench" / "python"] * 2


def test_an_interrupted_installation_is_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "System", lambda: SimpleNamespace(base=tmp_path))

    def interrupted(folder: Path) -> None:
        raise OperationError("the network is gone")

    for _ in range(2):
        with pytest.raises(OperationError, match="the network is gone"):
            packages.installed("python", PYTHON_LOCK, interrupted)


def test_a_peer_that_cannot_be_had_is_named_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def missing() -> None:
        raise OperationError("npm is missing")

    assert packages.available([("FastAPI", lambda: None), ("Express", missing)]) == ["FastAPI"]
    assert capsys.readouterr().err == "Express is left out: npm is missing\n"


def test_without_node_express_is_left_out_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(OperationError, match="apt install nodejs npm"):
        packages.node_modules()


def test_what_an_installer_said_last_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(command: object, **options: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess([], 1, "npm error\n", "no such host\n")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(OperationError, match=r"`npm ci .* failed: npm error\nno such host"):
        packages._install_node(tmp_path)


def test_locks_pin_every_package_and_name_no_registry() -> None:
    python, node = PYTHON_LOCK.read_text(), json.loads(NODE_LOCK.read_text())
    pinned = [line for line in python.splitlines() if line[:1].isalpha()]
    assert all("==" in line and line.endswith("\\") for line in pinned)
    assert "://" not in python
    modules: Mapping[str, Mapping[str, str]] = {name: module for name, module in node["packages"].items() if name}
    assert all(module["integrity"].startswith("sha512-") and "resolved" not in module for module in modules.values())
