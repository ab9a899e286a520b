"""Options that several commands share."""

import argparse
import os
from pathlib import Path

from .layout import System


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=lambda text: Path(text).expanduser().resolve(),
        default=os.environ.get("PLAZA_DATA_DIR") or None,
        metavar="DIR",
        help="keep databases, secrets, logs and pids in DIR, so that several systems can run side by side "
        "(default: PLAZA_DATA_DIR if set, else the projects' own folders and .plaza/)",
    )


def system_of(options: argparse.Namespace) -> System:
    data_dir: Path | None = options.data_dir
    return System(data_dir)


def port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65532:
        raise argparse.ArgumentTypeError("must be 1 to 65532, since the three ports after it are used too")
    return number


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
