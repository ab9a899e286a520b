"""The ports that a system needs, checked before anything is started."""

import errno
import socket

from .errors import OperationError
from .layout import LOOPBACK, SERVICES

MENDS = {
    errno.EADDRINUSE: "is taken by another program; end it or choose four others, for example with --port {}",
    errno.EACCES: "is reserved for root; choose four others, for example with --port {}",
}


def require_free(first_port: int) -> None:
    for service in sorted(SERVICES, key=lambda service: service.offset or 0):
        port = service.port(first_port)
        if port is not None:
            _require_free(port, service.name, suggestion=first_port + 1000 if first_port < 60_000 else 9000)


def _require_free(port: int, name: str, *, suggestion: int) -> None:
    with socket.socket() as attempt:
        # As the servers do: a port whose last connections are only fading out counts as free.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((LOOPBACK, port))
        except OSError as error:
            mend = MENDS.get(error.errno or 0, "can't be used (" + str(error) + "); choose others with --port {}")
            raise OperationError(f"Port {port} ({name}) {mend.format(suggestion)}.") from error
