"""Load by wrk, whose script is written here and whose last words are JSON.

One thread and a few connections. Each sends its next request as soon as the last one is answered.
"""

import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from operations.console import OperationError
from operations.layout import LOOPBACK

CONNECTIONS = 8
ANSWER_WITHIN_S = 10
MARK = "BENCH "
SCRIPT = """\
local method, tokens, paths, bodies = %(method)s, %(tokens)s, %(paths)s, %(bodies)s
local n, threads = %(first)d, {}
statuses = {}

function request()
  n = n + 1
  local headers = {["Authorization"] = "Bearer " .. tokens[n %% #tokens + 1]}
  local body = bodies[n %% #bodies + 1]
  if body then
    headers["Content-Type"] = "application/json"
    headers["Idempotency-Key"] = "bench-" .. n
  end
  return wrk.format(method, string.format(paths[n %% #paths + 1], n), headers, body)
end

function response(status)
  statuses[tostring(status)] = (statuses[tostring(status)] or 0) + 1
end

function setup(thread)
  table.insert(threads, thread)
end

function done(summary, latency)
  local counts = {}
  for status, count in pairs(threads[1]:get("statuses")) do
    table.insert(counts, string.format('"%%s": %%d', status, count))
  end
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '%(mark)s{"seconds": %%f, "p50_us": %%d, "p99_us": %%d, "broken": %%d, "statuses": {%%s}}\\n',
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99), broken, table.concat(counts, ", ")))
end
"""


@dataclass(frozen=True)
class Request:
    """What is sent again and again. Tokens, paths and bodies take turns; a `%d` in a path becomes a new number."""

    paths: Sequence[str]
    bodies: Sequence[str] = ()
    method: str = "GET"
    status: int = 200  # of an answer as asked


@dataclass(frozen=True)
class Load:
    """What came of it. `broken` connections and timeouts have no status."""

    seconds: float
    p50_us: float
    p99_us: float
    statuses: Mapping[str, int] = field(default_factory=dict)
    broken: int = 0

    @property
    def answers(self) -> int:
        return sum(self.statuses.values())


def find() -> str:
    """Where wrk is.

    Raises:
        OperationError: nowhere.
    """
    if path := shutil.which("wrk"):
        return path
    raise OperationError("wrk, which sends the requests, is missing; install it (Debian and Ubuntu: apt install wrk).")


def send(
    port: int, request: Request, tokens: Sequence[str], *, seconds: float, first: int, connections: int = CONNECTIONS
) -> Load:
    """`first` is the number before the first one that paths and idempotency keys are made of."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(script_for(request, tokens, first))
        script.flush()
        command = [find(), "--threads", "1", "--connections", str(connections), "--duration"]
        command += [f"{math.ceil(seconds)}s", "--timeout", f"{ANSWER_WITHIN_S}s", "--script", script.name]
        ended = subprocess.run(
            [*command, f"http://{LOOPBACK}:{port}"], capture_output=True, text=True, check=False, cwd=Path("/")
        )
    return load_in(ended.stdout, ended.stderr)


def script_for(request: Request, tokens: Sequence[str], first: int) -> str:
    lists = {"tokens": tokens, "paths": request.paths, "bodies": request.bodies}
    literals = {name: "{" + ", ".join(map(quoted, texts)) + "}" for name, texts in lists.items()}
    return SCRIPT % {"method": quoted(request.method), "first": first, "mark": MARK, **literals}


def quoted(text: str) -> str:
    """As Lua reads it: for ASCII, JSON's escapes are Lua's too."""
    return json.dumps(text)


def load_in(output: str, errors: str = "") -> Load:
    for line in output.splitlines():
        if line.startswith(MARK):
            return Load(**json.loads(line.removeprefix(MARK)))
    raise OperationError(f"wrk ended without a result: {(errors or output).strip() or 'it said nothing'}")
