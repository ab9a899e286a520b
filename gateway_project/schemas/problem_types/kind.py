"""What is told about a type of problems."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ProblemType:
    """`type` is `/problems/<slug>`. One that `passes` ends by itself, so to ask again is the mend."""

    slug: str
    status: int
    title: Any
    meaning: Any
    mend: Any
    passes: bool = False

    @property
    def type(self) -> str:
        return f"/problems/{self.slug}"
