"""What `manage_all.py` does, with the standard library alone (only `operator` needs packages).

    manage_all.py ─ cli ─┬─ bootstrap                   .venv and the pinned packages; the command goes on inside it
                         ├─ up ─┬─ prepare              free ports, tables, admin, demo (also `migrate` and `demo`)
                         │      └─ supervisor ─ child   five processes, each started again when it ends
                         ├─ status  down  rotate-keys
                         ├─ doctor ─ findings, variables, ports   what would stop it
                         ├─ log_view ─ log_lines        all logs, merged by time
                         ├─ audit ─ operator            compares the services
                         ├─ backup ─ snapshot           all databases as they were at one moment
                         ├─ move_to_postgres            runs each project's own
                         ├─ restore ─ manifest          what a backup holds, with checksums
                         ├─ test ─ summary              tox runs the jobs of tox.toml; this sums them up
                         └─ chaos  bench                are in experiments/

The supervisor writes down which processes it has started, and the other commands read it (`status`). `layout` has the
one list of services; all modules use `processes` and `console`. `compose_secrets` is run by itself.

A command is a row in `cli.COMMANDS`, which names a function that adds the command's options and sets `run`.
"""
