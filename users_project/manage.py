#!/usr/bin/env python3
"""Django's command line for the users project; works from any folder."""

import os
import sys
from pathlib import Path

# The script's own folder would shadow the standard library with the project's modules; the root holds the packages.
sys.path[0] = str(Path(__file__).resolve().parents[1])
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "users_project.settings")

if __name__ == "__main__":
    from common.command_line import execute  # after the path is right

    execute(sys.argv)
