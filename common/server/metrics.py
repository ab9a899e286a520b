"""What an operator sees of the connections."""

from prometheus_client import Counter, Gauge

OPEN = Gauge("plaza_connections", "Open connections.", multiprocess_mode="livesum")
WAITING = Gauge("plaza_requests_waiting", "Whole requests that wait for a thread.", multiprocess_mode="livesum")
CLOSED = Counter("plaza_connections_closed_total", "Connections that were closed on a client.", ["cause"])
REFUSED = Counter("plaza_refused_total", "Requests that the server refused by itself.", ["problem"])
