"""JSON lines on stdout, one a request (`tracing`) and one an event, from Django, gunicorn and Plaza alike."""

from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_LOGGERS: dict[str, Any] = {
    "django": {"level": "WARNING"},
    # The request's line in `tracing` already says what these two would repeat.
    "django.request": {"level": "ERROR", "filters": ["with_trace"]},
    "django.server": {"handlers": [], "level": "WARNING"},
    # Nor is a stranger's Host, or a thousand parameters, an error of ours: they are 400.
    "django.security": {"level": "CRITICAL"},
    "django.security.csrf": {"level": "WARNING"},
}


def logging_config(service: str, level: str) -> dict[str, Any]:
    """Django's `LOGGING` for `service`; also sets structlog up, which has no settings module of its own."""

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
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
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
