"""The containers' secrets, made once before `docker compose up`: `python3 -m operations.compose_secrets`.

One file a secret in `.plaza/compose-secrets/`. What is there already is kept, so it may run again at any time, for
example to replace a secret whose file was deleted.

Compose mounts each file as it is, with its owner and mode, and no two services run as the same user. So the files
are readable, and it is their folder that keeps everybody else on this machine out: mode 0700.
"""

import os
import secrets
import sys
from pathlib import Path

from .layout import ROOT
from .terminal import say

DIRECTORY = ROOT / ".plaza" / "compose-secrets"
RANDOM = (
    "django-gateway",
    "django-users",
    "django-products",
    "django-orders",
    "jwt-signing",
    "gateway-users",
    "gateway-products",
    "gateway-orders",
    "orders-products",
    "operator-users",
    "operator-products",
    "operator-orders",
    "metrics-token",
    "postgres-password",
)
DATABASES = ("gateway", "users", "products", "orders")


def generate() -> dict[str, str]:
    """Fresh secrets by the name of their file."""
    return {
        **{name: secrets.token_urlsafe(48) for name in RANDOM},
        **{
            f"{name}-database-url": f"postgresql://{name}:{secrets.token_urlsafe(32)}@postgres:5432/{name}"
            for name in DATABASES
        },
        "admin-password": secrets.token_urlsafe(12),  # a person types it
    }


def write_missing(directory: Path) -> list[str]:
    """The names of those that weren't there. Each appears whole or not at all, whoever else writes them."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    return [name for name, value in generate().items() if _write(directory / name, value)]


def _write(path: Path, value: str) -> bool:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(value)
            os.fchmod(file.fileno(), 0o444)  # whatever the umask says
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def main(directory: Path = DIRECTORY) -> int:
    made = write_missing(directory)
    say(f"{len(made)} secrets made, {len(generate()) - len(made)} were there: {directory}")
    say(f"The password of the user admin is in {directory / 'admin-password'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
