"""The containers' secrets, created once before `docker compose up`: `python3 -m operations.compose_secrets`.

One file a secret in `.plaza/compose-secrets/`. Existing files are kept, so it may run again at any time. With
`--replace NAME` it writes a new one, and says which containers have to be made again for it.

Compose mounts each file with its owner and mode, and no two services run as the same user. So the files are readable
for all, and their folder, mode 0700, keeps everybody else on this machine out.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .console import OperationError, say
from .layout import ROOT, SERVERS

DIRECTORY = ROOT / ".plaza" / "compose-secrets"


def names() -> Iterator[str]:
    """Of the secrets that are random texts; `a-b` is the key that a and b share."""
    for server in SERVERS:
        yield f"django-{server.name}"
    for caller in ("gateway", "operator"):
        yield from (f"{caller}-{server.name}" for server in SERVERS if server.name != "gateway")
    yield from ("orders-products", "jwt-signing", "metrics-token", "postgres-password")


def generate() -> dict[str, str]:
    """A new value for each secret, by the name of its file."""
    return {
        **{name: secrets.token_urlsafe(48) for name in names()},
        **{
            f"{server.name}-database-url": (
                f"postgresql://{server.name}:{secrets.token_urlsafe(32)}@postgres:5432/{server.name}"
            )
            for server in SERVERS
        },
        "grafana-password": secrets.token_urlsafe(12),
        "admin-password": secrets.token_urlsafe(12),  # short, since a person types it, as the one before
    }


def write_missing(directory: Path) -> list[str]:
    """The names of the secrets that were missing. Each file appears whole or not at all, also if others write too."""
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


LASTING = {"orders": ("orders", "relay")}  # the containers of a project that live on; a job's are new each time
ELSEWHERE = {
    "postgres-password": "The server has it in its volume; change it there first (ALTER ROLE postgres PASSWORD …).",
    "admin-password": "It is for a new admin only, and an existing one keeps the password that it has.",
    "grafana-password": "Grafana has it in its volume; change it there (grafana cli admin reset-admin-password).",
}


def holders(name: str) -> tuple[str, ...]:
    """The containers that have this secret for as long as they live, in the order in which they start."""
    if name == "metrics-token":
        return (*(each for server in reversed(SERVERS) for each in _lasting(server.name)), "prometheus")
    if name in ELSEWHERE:
        return (name.partition("-")[0],) if name != "admin-password" else ()
    if name == "jwt-signing":
        return ("gateway",)
    parts = name.removesuffix("-database-url").removeprefix("django-").split("-")
    return tuple(each for part in reversed(parts) if part != "operator" for each in _lasting(part))


def _lasting(project: str) -> tuple[str, ...]:
    return LASTING.get(project, (project,))


def replace(directory: Path, name: str) -> list[str]:
    """Write a new secret. Returns the commands that make it count, and leave all other containers alone."""
    if name in ELSEWHERE:
        raise OperationError(f"{name} is not replaced by this. {ELSEWHERE[name]}")
    if name not in generate():
        raise OperationError(f"There is no secret {name}; there are {', '.join(sorted(generate()))}.")
    (directory / name).unlink(missing_ok=True)
    write_missing(directory)
    job = ["docker compose run --rm --no-deps databases"] if name.endswith("-database-url") else []
    running = [each for each in holders(name) if each != "prometheus"]
    return [*job, f"docker compose up --detach --no-deps --force-recreate --wait {' '.join(running)}"]


def main(directory: Path = DIRECTORY, arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m operations.compose_secrets", description="Make missing secrets.")
    parser.add_argument("--replace", metavar="NAME", help="write a new one, and say which containers need it")
    options = parser.parse_args(arguments)
    if options.replace:
        try:
            commands = replace(directory, options.replace)
        except OperationError as error:
            say(str(error))
            return 1
        say(f"{directory / options.replace} is new. It counts once these have run:")
        print("\n".join(commands))
        return 0
    made = write_missing(directory)
    say(f"{len(made)} secrets made, {len(generate()) - len(made)} were there: {directory}")
    say(f"The password of the user admin is in {directory / 'admin-password'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(arguments=sys.argv[1:]))
