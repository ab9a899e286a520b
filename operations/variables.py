"""Whether the environment is one that the projects can work with. Each project's own settings judge it."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from . import bootstrap
from .console import OperationError
from .databases import url_in, url_variable
from .findings import NOTE, OK, PATIENCE_S, STOP, Finding
from .layout import ROOT, SERVERS, Service, System

REDIS_PORT = 6379


def variables(system: System, first_port: int) -> Iterator[Finding]:
    """The data directory is another one meanwhile, so that nothing is made in the system's."""
    if not bootstrap.is_installed(bootstrap.RUNTIME):
        yield Finding("variables", NOTE, "can be checked when the packages are there: run `doctor` again after `up`")
        return
    with tempfile.TemporaryDirectory(prefix="plaza-doctor-") as scratch, ThreadPoolExecutor() as pool:
        environment = {**system.environment(first_port), "PLAZA_DATA_DIR": scratch}
        said = list(pool.map(lambda server: _judge(server, environment), SERVERS))
    faults = {fault: None for fault in said if fault}  # several projects may say the same
    yield from (Finding("variables", STOP, fault) for fault in faults)
    if not faults:
        yield Finding("variables", OK, "all four projects accept this environment, and reach their databases")


def _judge(server: Service, environment: dict[str, str]) -> str:
    """Why it can't work with these variables; empty if it can. On PostgreSQL it asks the server."""
    try:
        command = "showmigrations" if url_in(environment, url_variable(server)) else "check"
    except OperationError as error:
        return f"{server.name}: {error}"
    manage = [str(bootstrap.PYTHON), str(ROOT / server.project / "manage.py"), command]
    run = subprocess.run(manage, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return ""
    words = run.stderr.strip().removeprefix(f"{manage[1]}: ") or f"`{server.project}/manage.py {command}` fails"
    return f"{server.name}: {' '.join(words.split())}"


def redis() -> Iterator[Finding]:
    """The gateway goes on without it, so it stops nothing."""
    path = os.environ.get("REDIS_URL_FILE")
    try:
        url = Path(path).read_text().strip() if path else os.environ.get("REDIS_URL", "")
        parts = urlsplit(url)
        if not url or parts.scheme == "unix":
            return
        where = (parts.hostname or "127.0.0.1", parts.port or REDIS_PORT)
        socket.create_connection(where, timeout=PATIENCE_S).close()
    except (OSError, ValueError) as error:
        mend = "start it, or correct REDIS_URL; until then each gateway process counts and remembers for itself"
        yield Finding("Redis", NOTE, f"does not answer ({error}): {mend}")
    else:
        yield Finding("Redis", OK, f"{where[0]}:{where[1]} answers")
