"""`demo`: the demo catalogue."""

import argparse

from . import prepare
from .options import add_data_dir, system_of

DESCRIPTION = "Put the demo catalogue into products; what is already there stays as it is. `up` does so by itself."
EPILOG = "exit codes: 0 it is there; 1 products failed, what it said is shown; 2 wrong usage"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system = system_of(options)
    system.create()
    environment = system.environment()
    prepare.run_together([prepare.Task("products_project", "migrate")], environment)
    prepare.run_together([prepare.Task("products_project", "demo", is_heard=True)], environment)
    return 0
