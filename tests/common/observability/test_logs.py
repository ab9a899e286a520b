import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog

from common.observability.logs import logging_config
from common.observability.tracing import RequestLine, begin_trace

USER = UUID("01890000-0000-7000-8000-000000000001")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def config() -> dict[str, Any]:
    return logging_config("tea", "INFO")


@pytest.fixture
def formatter(config: dict[str, Any]) -> logging.Formatter:
    options = dict(config["formatters"]["json"])
    made: logging.Formatter = options.pop("()")(**options)
    return made


def record(message: object, *args: Any, level: int = logging.WARNING, exc_info: Any = None) -> logging.LogRecord:
    return logging.LogRecord("django.db", level, __file__, 1, message, args, exc_info)


def test_the_lines_of_libraries_are_json_with_the_same_fields(formatter: logging.Formatter) -> None:
    trace = begin_trace("request-1")
    line = json.loads(formatter.format(record("took %s ms", 7)))
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "took 7 ms",
        "level": "warning",
        "logger": "django.db",
        "service": "tea",
        "request_id": "request-1",
        "trace_id": trace.trace_id,
    }


def test_a_traceback_is_one_field_of_one_line(formatter: logging.Formatter) -> None:
    try:
        raise ZeroDivisionError("by\nzero")
    except ZeroDivisionError as error:
        text = formatter.format(record("failed", exc_info=(type(error), error, error.__traceback__)))
    assert "\n" not in text
    assert json.loads(text)["exception"].endswith("ZeroDivisionError: by\nzero")


def test_a_message_cannot_forge_a_second_line(formatter: logging.Formatter) -> None:
    text = formatter.format(record('x\n{"event": "forged"}'))
    assert "\n" not in text
    assert json.loads(text)["event"] == 'x\n{"event": "forged"}'


def test_our_own_events_keep_their_fields(config: dict[str, Any], formatter: logging.Formatter) -> None:
    seen: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    logger = logging.getLogger("tests.own")
    logger.addHandler(handler)
    structlog.get_logger("tests.own").warning("settled", order="1", seconds=0.5)
    logger.removeHandler(handler)
    line = json.loads(formatter.format(seen[0]))
    assert (line["event"], line["order"], line["seconds"], line["service"]) == ("settled", "1", 0.5, "tea")


def test_the_line_of_a_request_has_its_members_and_then_ours(formatter: logging.Formatter) -> None:
    line = record(RequestLine(method="GET", user_id=USER, event="request"), level=logging.INFO)
    line.created = 1_772_600_767.08091
    assert formatter.format(line) == (
        f'{{"method":"GET","user_id":"{USER}","event":"request","level":"info","logger":"django.db",'
        '"timestamp":"2026-03-04T05:06:07.080910Z","service":"tea"}'
    )


@pytest.mark.parametrize("text", ["\n", "né", "\u2028", '"', "\x1b[31m"])
def test_the_line_of_a_request_is_one_line_of_ascii(formatter: logging.Formatter, text: str) -> None:
    line = formatter.format(record(RequestLine(database_error=text)))
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["database_error"] == text


def test_the_line_of_a_request_shows_what_json_has_no_form_for(formatter: logging.Formatter) -> None:
    assert json.loads(formatter.format(record(RequestLine(odd=1j))))["odd"] == "1j"


def test_everything_goes_to_stdout_at_the_configured_level(config: dict[str, Any]) -> None:
    assert config["root"] == {"handlers": ["stdout"], "level": "INFO"}
    assert config["handlers"]["stdout"]["stream"] == "ext://sys.stdout"
    assert config["handlers"]["stdout"]["formatter"] == "json"
    assert config["disable_existing_loggers"] is False
    assert logging_config("tea", "DEBUG")["root"]["level"] == "DEBUG"


def test_django_repeats_no_line_of_ours(config: dict[str, Any]) -> None:
    assert config["loggers"]["django.request"] == {"level": "ERROR", "filters": ["with_trace"]}
    keeps = config["filters"]["with_trace"]["callback"]
    record = logging.LogRecord("django.request", logging.ERROR, "", 0, "Service Unavailable", (), None)
    assert keeps(record) is False
    record.exc_info = (ValueError, ValueError(), None)
    assert keeps(record) is True
    assert config["loggers"]["django.server"] == {"handlers": [], "level": "WARNING"}


def test_a_bad_request_is_not_logged_as_an_error(config: dict[str, Any]) -> None:
    assert config["loggers"]["django.security"] == {"level": "CRITICAL"}
    assert config["loggers"]["django.security.csrf"] == {"level": "WARNING"}
