"""What two or more projects use. It has no models, no business logic, and imports no project.

A project is a settings module and a few apps on top of this. How a request walks through it: `observability` gives it
an id, `identity` says who calls, the project's views do the work, `api` words what went wrong, and `observability`
writes down what happened. A call to another project goes out through `upstream`, the only place that opens a socket
to one, under the rules of `resilience`.
"""
