"""One line of a log: when it was written, by whom, what it says in a few words, and whether it is about a request."""

import json
import re
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

KNOWN = {"event", "level", "logger", "timestamp", "service", "request_id", "trace_id", "exception"}
OF_A_REQUEST = {"method", "route", "status", "duration_ms"}
UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")
SHORT_ID = 8  # the end of an id: all ids of a minute begin alike
RED, YELLOW, GREY, PLAIN = "\033[31m", "\033[33m", "\033[2m", "\033[0m"
NAME_WIDTH = 10


@dataclass(frozen=True)
class Line:
    """`written_at` is ISO 8601 in UTC without the Z; `fields` are empty for what is no JSON."""

    log: str
    text: str
    written_at: str
    fields: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, log: str, text: str, *, after: str) -> "Line":
        """`after` is when the line before it was written, for one that doesn't say when."""
        try:
            fields = json.loads(text) if text.startswith("{") else {}
        except ValueError:
            fields = {}
        if fields:
            return cls(log, text, str(fields.get("timestamp", after)).rstrip("Z"), fields)
        stamp, _, event = text.partition(" ")
        if stamp.endswith("Z") and _moment(stamp.rstrip("Z")):  # the supervisor's
            return cls(log, event, stamp.rstrip("Z"))
        return cls(log, text, after)

    def is_about(self, request: str) -> bool:
        """`request` is the whole id of a request or of its trace, or the end of it that is shown."""
        ids = (str(self.fields.get(name, "")) for name in ("request_id", "trace_id"))
        return any(each.endswith(request) for each in ids)

    def as_json(self) -> str:
        if self.fields:
            return self.text
        when = {"timestamp": f"{self.written_at}Z"} if self.written_at else {}
        return json.dumps({"event": self.text, "service": self.log, **when})


@dataclass(frozen=True)
class Style:
    """How lines look: whole in a pipe; short, and as wide as it is, at a terminal."""

    is_short: bool = False
    has_colours: bool = False
    columns: int = 0  # that of the terminal, unless it is given
    today: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d"))

    def show(self, line: Line) -> str:
        level = str(line.fields.get("level", ""))
        request_id = str(line.fields.get("request_id") or "")
        said = " ".join(part for part in (_request(line.fields), _message(line)) if part)
        head = f"{self._time(line.written_at)} {line.log:<{NAME_WIDTH}} {level:<8} "
        if not self.is_short:
            return f"{head}{said}{f' request_id={request_id}' if request_id else ''}".rstrip()
        said = UUID.sub(lambda found: found[0][-SHORT_ID:], said)
        text = f"{head}{request_id[-SHORT_ID:]:<{SHORT_ID}} {said}".rstrip()
        columns = self.columns or shutil.get_terminal_size().columns
        text = text if len(text) <= columns else text[: columns - 1] + "…"
        return f"{colour}{text}{PLAIN}" if self.has_colours and (colour := _colour(level, line.fields)) else text

    def _time(self, written_at: str) -> str:
        if not self.is_short:
            return f"{written_at}Z" if written_at else "-"
        day, _, clock = written_at.partition("T")
        return f"{clock:<12.12}" if day == self.today or not clock else f"{day[5:]} {clock:.8}"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _request(fields: dict[str, Any]) -> str:
    if "method" not in fields or "status" not in fields:
        return ""
    return f"{fields['method']} /{fields.get('route', '')} {fields['status']} {fields.get('duration_ms', '?')} ms"


def _message(line: Line) -> str:
    if not line.fields:
        return line.text
    is_request = "method" in line.fields and "status" in line.fields
    event = "" if is_request else str(line.fields.get("event", ""))
    left_out = KNOWN | OF_A_REQUEST if is_request else KNOWN
    more = [f"{name}={value}" for name, value in line.fields.items() if name not in left_out and value is not None]
    raised = str(line.fields.get("exception", "")).strip().rpartition("\n")[2]
    return " ".join(part for part in (event, *more, raised) if part)


def _colour(level: str, fields: dict[str, Any]) -> str:
    status = fields.get("status")
    if level in ("error", "critical") or (isinstance(status, int) and status >= 500):
        return RED
    if level == "warning" or (isinstance(status, int) and status >= 400):
        return YELLOW
    return GREY if not fields else ""
