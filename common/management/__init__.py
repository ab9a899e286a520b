"""`manage.py`: Django's commands and the project's own, without those that can't work in this project."""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from itertools import groupby

from django.apps import apps
from django.conf import settings
from django.core.management import BaseCommand, ManagementUtility, get_commands, load_command_class
from django.core.management.commands import runserver

ACCOUNTS = "Accounts are in the users project; there, run users_project/manage.py {}."


class CommandLine(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        if reason := missing_commands().get(subcommand):
            sys.exit(f"{self.prog_name} {subcommand}: {reason}")
        runserver.Command.default_port = str(settings.SERVER_PORT)  # of all that inherit from it too
        return super().fetch_command(subcommand)

    def main_help_text(self, commands_only: bool = False) -> str:
        if self.settings_exception is not None:
            return super().main_help_text(commands_only)
        names = sorted(get_commands().keys() - missing_commands().keys())
        return "\n".join(names if commands_only else self._described(names))

    def _described(self, names: list[str]) -> Iterator[str]:
        yield f"Plaza's project `{settings.SERVICE_NAME}`. `{self.prog_name} COMMAND --help` says more of a command."
        width = max(map(len, names))
        columns = shutil.get_terminal_size((120, 24)).columns - width - 4
        for is_foreign, group in groupby(sorted(names, key=_is_foreign), key=_is_foreign):
            yield f"\n{'Django' if is_foreign else 'Plaza'}:"
            for name in group:
                yield f"  {name:<{width}}  {textwrap.shorten(_summary(name), max(columns, 20), placeholder=' ...')}"


def missing_commands() -> Mapping[str, str]:
    """The commands that can't work here, each with a sentence that says what does."""
    reasons = {"generateschema": "The OpenAPI document is made by the command `spectacular`."}
    if settings.AUTH_USER_MODEL == "auth.User":  # Django's own, whose tables no project has
        reasons |= {name: ACCOUNTS.format(name) for name in ("createsuperuser", "changepassword")}
    if not getattr(settings, "CALLER_KEYS", None):
        reasons["token"] = "No service calls this one. People get tokens at POST /api/auth/token/."  # noqa: S105
    if not settings.STATIC_ROOT:
        reasons["collectstatic"] = "Static files are served from where they are; nothing has to be collected."
    if not settings.is_overridden("EMAIL_BACKEND"):
        reasons["sendtestemail"] = "This project sends no mail."
    if apps.is_installed("django.contrib.contenttypes"):
        reasons["remove_stale_contenttypes"] = "Plaza keeps no table of content types."
    return reasons


def _is_foreign(name: str) -> bool:
    """Whether it is neither the project's nor one that all projects have."""
    return name != "runserver" and str(get_commands()[name]).partition(".")[0] in ("django", "drf_spectacular")


def _summary(name: str) -> str:
    return str(load_command_class(get_commands()[name], name).help).partition(". ")[0].rstrip(".")
