"""Why a call brought no usable answer. `cause` is a stable short name, for metrics and logs."""

from typing import ClassVar


class UpstreamError(Exception):
    cause: ClassVar[str] = "upstream_error"

    def __init__(self, upstream: str, message: str) -> None:
        super().__init__(f"{upstream}: {message}")
        self.upstream = upstream


class NotCalled(UpstreamError):
    """Nothing was sent. Asking again after `retry_after_s` seconds may help."""

    def __init__(self, upstream: str, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(upstream, message)
        self.retry_after_s = retry_after_s


class BulkheadRejected(NotCalled):
    cause = "bulkhead_full"


class CircuitRejected(NotCalled):
    cause = "circuit_open"

    def __init__(self, upstream: str, retry_after_s: float) -> None:
        super().__init__(upstream, "the circuit is open", retry_after_s)


class Unreachable(UpstreamError):
    cause = "unreachable"


class TimedOut(UpstreamError):
    cause = "timed_out"


class BrokenOff(UpstreamError):
    cause = "broken_off"


class ServerFailed(UpstreamError):
    cause = "server_failed"

    def __init__(self, upstream: str, status: int) -> None:
        super().__init__(upstream, f"answered {status}")
        self.status = status


class StorageFull(UpstreamError):
    """The service can't write. It goes on reading, so this says nothing about its health."""

    cause = "storage"


class BrokenContract(UpstreamError):
    cause = "broken_contract"


class RequestTooLong(UpstreamError):
    """Nothing was sent: the request line is longer than the service reads."""

    cause = "request_too_long"
