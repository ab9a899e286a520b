"""What `manage_all.py` does, in the standard library alone.

    manage_all.py ─ cli ─┬─ bootstrap           .venv, the pinned packages, and on inside it
                         ├─ up ──┬─ prepare     tables, admin, demo catalogue
                         │       ├─ supervisor  the five processes, started again when they die
                         │       └─ startup     waits until each of them answers
                         ├─ down status logs    read what the supervisor wrote (`state`)
                         ├─ migrate demo
                         └─ test ─ testing/     every suite in its own process, one summary

A command is a module with `configure(parser)` and `run(options) -> exit code`, and a row in `cli.COMMANDS`.
What a user can mend is raised as `OperationError`: one sentence, no traceback.
"""
