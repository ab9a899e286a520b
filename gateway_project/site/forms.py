"""Forms as pages show them: fields, and what is said about them after a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MAX_PASSWORD = 128


@dataclass(frozen=True, slots=True)
class Field:
    """One input. `faults` are shown at it; a password is never shown again."""

    name: str
    label: Any
    type: str = "text"
    autocomplete: str = ""
    help: Any = ""
    max_length: int = 150
    is_required: bool = True
    has_focus: bool = False
    value: str = ""
    faults: tuple[str, ...] = field(default=())

    @property
    def described_by(self) -> str:
        """The ids of what explains it."""
        parts = (("help", self.help), ("fault", self.faults))
        return " ".join(f"{self.name}-{part}" for part, shown in parts if shown)


def filled(fields: tuple[Field, ...], typed: Mapping[str, str], problem: Mapping[str, Any]) -> list[Field]:
    """`fields` with what was typed, and with what `problem` says about each of them."""
    return [
        replace(
            each,
            value="" if each.type == "password" else typed.get(each.name, ""),
            faults=tuple(error["detail"] for error in faults_of(problem) if error["pointer"] == f"/{each.name}"),
        )
        for each in fields
    ]


def faults_of(problem: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """The errors of a problem. A taken username has no pointer of its own."""
    if problem.get("type") == "/problems/username-taken":
        return [{"pointer": "/username", "detail": problem["detail"]}]
    return list(problem.get("errors") or ())


def elsewhere(fields: tuple[Field, ...], problem: Mapping[str, Any]) -> list[str]:
    """What `problem` says about none of `fields`."""
    names = {f"/{each.name}" for each in fields}
    return [error["detail"] for error in faults_of(problem) if error["pointer"] not in names]
