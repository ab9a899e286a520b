"""JSON lines on stdout from Django, gunicorn and Plaza: one for each request (see `tracing`), one for each event."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from common.observability.tracing import RequestLine, current_trace


def _add_trace(logger: Any, method: str, event: Any) -> Any:
    trace = current_trace()
    return {"request_id": trace.request_id, "trace_id": trace.trace_id, **event} if trace else event


_SHARED: list[Any] = [
    _add_trace,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_LOGGERS: dict[str, Any] = {
    "django": {"level": "WARNING"},
    # These two would repeat what the request's own line says, except for a traceback.
    "django.request": {"level": "ERROR", "filters": ["with_trace"]},
    "django.server": {"handlers": [], "level": "WARNING"},
    # A foreign Host or too many parameters is the client's error: a 400, which the request's own line shows.
    "django.security": {"level": "CRITICAL"},
    "django.security.csrf": {"level": "WARNING"},
}

_encode = msgspec.json.Encoder(enc_hook=repr).encode


class Formatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, service: str, **options: Any) -> None:
        super().__init__(**options)
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        return self._whole(record.msg, record) if isinstance(record.msg, RequestLine) else super().format(record)

    def _whole(self, line: RequestLine, record: logging.LogRecord) -> str:
        members = {
            **line,
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            "service": self._service,
        }
        text = _encode(members).decode()
        # Else escaped, as structlog does it: stdout may have an encoding that lacks the character.
        return text if text.isascii() else json.dumps(json.loads(text))


def logging_config(service: str, level: str) -> dict[str, Any]:
    """Django's `LOGGING` for `service`. It also configures structlog, which has no settings module of its own."""

    def add_service(logger: Any, method: str, event: Any) -> Any:
        event["service"] = service
        return event

    shared = [*_SHARED, add_service]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # What no line says needn't be gathered for each (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": Formatter,
                "service": service,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(),
                ],
            }
        },
        "filters": {
            "with_trace": {"()": "django.utils.log.CallbackFilter", "callback": lambda record: bool(record.exc_info)}
        },
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": _LOGGERS,
    }
