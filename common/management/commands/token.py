"""`manage.py token`: an internal token, to call this service by hand without the gateway."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.identifiers import parse_id
from common.identity import LIFETIME_S, TokenIssuer

HELP = f"""\
Make an internal token for calling this service alone, by hand, and print the `curl` line that uses it.

A service believes only such tokens, which the gateway makes for each request. Whoever has one acts as anybody, so this
command wants DEBUG=true, or --operator where DEBUG is off. A token is valid for {LIFETIME_S} seconds.

Without --user the token is staff's, so that it may read everything. With --user it is that user's, and staff's only
with --staff too.

examples:
  manage.py token --operator                                  then paste the line that it prints
  manage.py token --operator | sh                             or run it at once
  manage.py token --operator --user 0197… --path /orders/     what this user sees
  TOKEN=$(manage.py token --operator --bare)                  the token alone, for a script

Exit codes: 0 printed, 1 not allowed or a wrong value, 2 wrong usage."""


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        callers = sorted(settings.CALLER_KEYS)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--operator", action="store_true", help="I operate this system: DEBUG may be off")
        parser.add_argument("--user", metavar="ID", help="on behalf of this user")
        parser.add_argument("--staff", action="store_true", help="on behalf of staff")
        parser.add_argument(
            "--caller", choices=callers, default="gateway", help="which service calls (default: %(default)s)"
        )
        parser.add_argument(
            "--path", default=f"/{settings.SERVICE_NAME}/", help="what the curl line asks for (default: %(default)s)"
        )
        parser.add_argument(
            "--url",
            default=f"http://127.0.0.1:{settings.SERVER_PORT}",
            help="where the service is (default: %(default)s)",
        )
        parser.add_argument("--bare", action="store_true", help="print the token alone")

    def handle(self, *args: Any, **options: Any) -> None:
        if not (settings.DEBUG or options["operator"]):
            raise CommandError(
                "A token lets its holder act as anybody, and DEBUG is off here. If you operate this system, "
                "say so with --operator."
            )
        user_id = parse_id(options["user"]) if options["user"] else None
        if options["user"] and user_id is None:
            raise CommandError(f"--user takes the id of a user, a UUID; {options['user']!r} is none.")
        caller = options["caller"]
        issuer = TokenIssuer(caller, settings.SERVICE_NAME, settings.CALLER_KEYS[caller])
        token = issuer.issue(user_id, is_staff=options["staff"] or user_id is None)
        url = f"{options['url'].rstrip('/')}/{options['path'].lstrip('/')}"
        line = f"curl -H 'Authorization: Bearer {token}' '{url}'"
        self.stdout.write(token if options["bare"] else line)
        if not options["bare"]:
            self.stderr.write(f"Valid for {LIFETIME_S} s, at a running service: `manage.py serve` starts it.")
