import io
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from gunicorn.config import Config

from common.management.commands import serve
from common.server.caretaker import LISTENERS_VARIABLE, TABLES_VARIABLE
from common.server.framing import RequestReader, Settings
from common.server.limits import Limits


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[serve.Server]:
    """The servers that were run, without a socket being opened."""
    servers: list[serve.Server] = []
    monkeypatch.setattr(serve.Server, "run", lambda server: servers.append(server))
    monkeypatch.setattr(serve, "make_tables", lambda: None)
    return servers


def options(**changed: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": 8002, "workers": 1, "threads": 16, **changed}


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_invalid_port_is_refused(served: list[serve.Server], port: int) -> None:
    with pytest.raises(CommandError, match=r"^--port takes a number from 1 to 65535\.$"):
        call_command("serve", port=port)
    assert served == []


@pytest.mark.parametrize("number", [{"workers": 0}, {"threads": 0}, {"workers": -1}])
def test_less_than_one_worker_or_thread_is_refused(served: list[serve.Server], number: dict[str, int]) -> None:
    with pytest.raises(CommandError, match=r"^--workers and --threads start at 1\.$"):
        call_command("serve", port=8002, **number)
    assert served == []


@pytest.mark.django_db(transaction=True)
def test_several_workers_are_refused_where_they_would_need_what_is_missing(
    served: list[serve.Server], settings: Any
) -> None:
    settings.SEVERAL_WORKERS_NEED = "REDIS_URL"
    with pytest.raises(CommandError, match=r"^More than one worker needs REDIS_URL\.$"):
        call_command("serve", port=8002, workers=2)
    assert served == []
    call_command("serve", port=8002, workers=1)
    settings.SEVERAL_WORKERS_NEED = ""
    call_command("serve", port=8002, workers=2)
    assert [server.options["workers"] for server in served] == [1, 2]


def test_a_variable_says_how_many_workers_unless_the_command_does(
    served: list[serve.Server], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{settings.SERVICE_NAME.upper()}_WORKERS", "3")
    settings.SEVERAL_WORKERS_NEED = ""
    call_command("serve", port=8002)
    call_command("serve", port=8002, workers=2)
    assert [server.options["workers"] for server in served] == [3, 2]


def test_who_needs_more_connections_than_there_are_is_refused(
    served: list[serve.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(threads: int, workers: int) -> None:
        raise ImproperlyConfigured(f"{threads} × {workers}")

    monkeypatch.setattr(serve, "check_room", refuse)
    with pytest.raises(CommandError, match=r"^16 × 1$"):
        call_command("serve", port=8002, threads=16)
    assert served == []


def test_the_port_is_the_projects_own_unless_another_is_named(served: list[serve.Server]) -> None:
    call_command("serve")
    call_command("serve", port=9002)
    assert [server.options["port"] for server in served] == [8002, 9002]


def test_tables_are_made_before_it_serves_unless_the_process_before_has_done_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    monkeypatch.setattr(serve, "make_tables", lambda: order.append("tables"))
    monkeypatch.setattr(serve.Server, "run", lambda self: order.append("run"))
    monkeypatch.setenv(TABLES_VARIABLE, "true")
    call_command("serve", port=8002)
    call_command("serve", port=8002)
    assert order == ["run", "tables", "run"]


@pytest.mark.django_db(transaction=True)
def test_the_defaults_are_loopback_and_the_projects_threads(served: list[serve.Server], settings: Any) -> None:
    settings.SERVER_LIMITS = Limits(threads=5)
    call_command("serve", "--port", "8002", stdout=io.StringIO())
    [server] = served
    chosen = {name: server.options[name] for name in ("host", "port", "workers", "threads")}
    assert chosen == {"host": "127.0.0.1", "port": 8002, "workers": 1, "threads": 5}


def test_gunicorn_is_set_up_as_the_design_says() -> None:
    config = serve.Server(options(host="0.0.0.0", workers=2)).cfg
    assert (config.address, config.workers, config.threads) == ([("0.0.0.0", 8002)], 2, 16)
    assert (config.worker_class_str, config.preload_app) == ("common.server.worker.Worker", True)
    assert config.graceful_timeout == 9
    assert (config.accesslog, config.logger_class) == (None, serve.PropagatingLogger)
    assert (config.control_socket_disable, config.proc_name) == (True, "plaza-products")


def test_no_header_says_how_a_request_came() -> None:
    reader = RequestReader(Settings(serve.Server(options()).cfg), ("127.0.0.1", 1), 1000)
    reader.feed(
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\nScript_Name: /x\r\n\r\n"
    )
    request = reader.take()
    assert request is not None
    assert (request.message.scheme, "SCRIPT_NAME" in dict(request.message.headers)) == ("http", False)


def test_the_worker_files_lie_in_memory_where_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve.os.path, "isdir", lambda path: path == "/dev/shm")
    assert serve.Server(options()).cfg.worker_tmp_dir == "/dev/shm"
    monkeypatch.setattr(serve.os.path, "isdir", lambda path: False)
    assert serve.Server(options()).cfg.worker_tmp_dir is None


def test_it_serves_the_projects_application() -> None:
    assert callable(serve.Server(options()).load())


def test_gunicorns_messages_go_where_all_others_do(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.LOG_LEVEL = "WARNING"
    logger = serve.PropagatingLogger(Config())
    assert logger.error_log.handlers == []
    with caplog.at_level(logging.INFO):
        logger.info("Booting worker")
        logger.warning("Worker exiting")
    assert [record.getMessage() for record in caplog.records] == ["Worker exiting"]


def test_the_time_for_saying_that_it_ends_is_part_of_the_time_to_end(settings: Any) -> None:
    settings.SERVER_LIMITS = Limits(notice_s=2.5)
    server = serve.Server(options(threads=7))
    assert server.cfg.graceful_timeout == 6
    assert server.limits == Limits(notice_s=2.5, threads=7)


def test_it_listens_where_the_process_before_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LISTENERS_VARIABLE, "5,6")
    assert serve.Server(options()).cfg.address == [5, 6]
    assert serve.Server(options()).cfg.address == [("127.0.0.1", 8002)]


class Restarted(Exception):
    """Instead of the process beginning again."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What a server did at last: began again as another command, or ran."""
    did: list[str] = []

    def execv(path: str, arguments: list[str]) -> NoReturn:
        assert path == arguments[0] == sys.executable
        did.append(" ".join(arguments[1:]))
        raise Restarted

    monkeypatch.setenv("PLAZA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr(serve.os, "execv", execv)
    monkeypatch.setattr(serve.sys, "orig_argv", ["python3", "-B", "manage.py", "serve", "--workers", "2"])
    monkeypatch.setattr(serve, "Arbiter", lambda server: SimpleNamespace(run=lambda: did.append("ran")))
    return did


def test_several_workers_share_their_metrics_from_the_first_one_on(started: list[str], tmp_path: Path) -> None:
    with pytest.raises(Restarted):
        serve.Server(options(workers=2)).run()
    directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    assert directory.parent == tmp_path / "metrics"
    assert directory.is_dir()
    serve.Server(options(workers=2)).run()
    assert started == ["-B manage.py serve --workers 2", "ran"]


def test_one_worker_keeps_its_metrics_to_itself(started: list[str]) -> None:
    serve.Server(options(workers=1)).run()
    assert started == ["ran"]
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == ""
