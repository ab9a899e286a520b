#!/usr/bin/env python3
"""The commands of manage_all.py that only ask services, for a container, where the packages are there already.

`status` and `audit` find the services by USERS_URL, PRODUCTS_URL, ORDERS_URL and, for the gateway, PUBLIC_URL. The keys
of `audit` are in PLAZA_SECRET_OPERATOR_PRODUCTS and PLAZA_SECRET_OPERATOR_ORDERS (each also …_FILE).
"""

import os
import sys

# The script's own folder would shadow the standard library with `operator`, which `pathlib` already needs; the root
# holds the package.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

if __name__ == "__main__":
    from operations.cli import main  # after the path is right

    sys.exit(main(has_packages=True))
