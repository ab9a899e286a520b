"""How the services behind the gateway are doing: circuits, load, latency."""
