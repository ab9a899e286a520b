"""What a project shows of its work: one id through all logs, one log line for each request, metrics, health.

tracing      gives each request its ids, and sends them on to the next project
logs         JSON on stdout
metrics      for Prometheus
health       `/health/live`, `/health/ready`, `/metrics`
telemetry    spans for an OpenTelemetry collector, if one is configured
"""
