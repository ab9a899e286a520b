"""`migrate`: the tables of every project."""

import argparse

from . import prepare
from .options import add_data_dir, system_of

DESCRIPTION = "Make or change the tables of all four projects to what this version needs; `up` does so by itself."
EPILOG = "exit codes: 0 all tables are as needed; 1 a project failed, what it said is shown; 2 wrong usage"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system = system_of(options)
    system.create()
    prepare.make_tables(system.environment())
    print("The tables of all four projects are up to date.")
    return 0
