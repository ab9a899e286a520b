"""`bench`: hands over to `benchmarks/`, which reads its own options."""

import argparse
import os
import sys

from .layout import ROOT


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measure Plaza; `bench --help` is answered by benchmarks/ itself."


def run(options: argparse.Namespace) -> int:
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *options.remaining])  # noqa: S606 (nothing to quote)
