"""The services behind the gateway: one client each, and what their answers must be.

client      the process's client for each service
contracts   what their answers must be, compiled from the schemas
answers     an answer after its check
errors      what goes wrong beside `common.upstream`'s errors
problems    what a client is told when a service fails
latency     the last minute of attempts
signals     `circuit_changed`
"""
