"""What two or more of the projects use: no models, no views of anyone's business, no import of a project.

A project is a Django settings module and a few apps on top of this floor. The walk of a request through it:
`tracing` names it, `identity` says who calls, the project's views do the work, `errors` words what went wrong,
`logs` and `metrics` keep what happened, and `telemetry` tells a collector where someone asks for it. A call to another
project goes out through `upstream`, the only file that opens a socket to one, under the rules of `resilience`.
"""
