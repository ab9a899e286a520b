#!/usr/bin/env python3
"""One command line over Plaza's four projects: `python3 manage_all.py --help`.

Here is only what must be read by any Python 3, however old; the commands are in `operations/`.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 (an older Python gets a sentence, not a SyntaxError)
    sys.exit(
        "Plaza needs Python 3.11 or newer and this is "
        + sys.version.split()[0]
        + "; install one and name it, for example: python3.11 manage_all.py up"
    )
if os.name != "posix":
    sys.exit("Plaza's web server, gunicorn, runs on Linux and macOS; on Windows, run this inside WSL.")

if __name__ == "__main__":
    from operations.cli import main

    sys.exit(main())
