"""`manage_all.py bench [NAME]`: run one benchmark, or list them."""

import argparse
import importlib
import sys
from pathlib import Path

BENCHMARKS = {
    "blast_radius": "users' latency while products is healthy, frozen, dripping and dead, beside a plain gateway",
}


def main() -> int:
    listing = "\n".join(f"  {name:14} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="manage_all.py bench",
        description=f"Measure. Compare figures of one run only: machines differ, and so do their hours.\n\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=sorted(BENCHMARKS), metavar="NAME", help="which one")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement (default: %(default)s)")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also draw the result")
    options = parser.parse_args()
    module = importlib.import_module(f"benchmarks.{options.name}")
    exit_code: int = module.run(seconds=options.seconds, svg=options.svg)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
