import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from common.logs import logging_config


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


def record(message: str, *args: Any, level: int = logging.WARNING, exc_info: Any = None) -> logging.LogRecord:
    return logging.LogRecord("django.db", level, __file__, 1, message, args, exc_info)


def test_a_line_of_any_library_is_json_with_the_members_of_ours(formatter: logging.Formatter) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id="request-1", trace_id="t")
    line = json.loads(formatter.format(record("took %s ms", 7)))
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "took 7 ms",
        "level": "warning",
        "logger": "django.db",
        "service": "tea",
        "request_id": "request-1",
        "trace_id": "t",
    }


def test_a_trace_of_an_exception_is_one_member_of_one_line(formatter: logging.Formatter) -> None:
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


def test_our_own_events_keep_their_members(config: dict[str, Any], formatter: logging.Formatter) -> None:
    seen: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    logger = logging.getLogger("tests.own")
    logger.addHandler(handler)
    structlog.get_logger("tests.own").warning("settled", order="1", seconds=0.5)
    logger.removeHandler(handler)
    line = json.loads(formatter.format(seen[0]))
    assert (line["event"], line["order"], line["seconds"], line["service"]) == ("settled", "1", 0.5, "tea")


def test_everything_goes_to_stdout_at_the_level_asked_for(config: dict[str, Any]) -> None:
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


def test_a_strangers_request_is_no_error_of_ours(config: dict[str, Any]) -> None:
    assert config["loggers"]["django.security"] == {"level": "CRITICAL"}
    assert config["loggers"]["django.security.csrf"] == {"level": "WARNING"}
