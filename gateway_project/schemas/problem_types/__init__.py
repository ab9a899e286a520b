"""THE table of problem types: what each means, and what to do about it.

All four projects answer these. A test holds the table against their code: each `type` is here, and each that is here
can be answered. `/problems/` shows the table, and `/problems/<slug>` one row of it.
"""

from collections.abc import Mapping

from .conflicts import CONFLICTS
from .failures import FAILURES
from .kind import ProblemType
from .requests import REQUESTS

PROBLEM_TYPES: Mapping[str, ProblemType] = {each.slug: each for each in (*REQUESTS, *CONFLICTS, *FAILURES)}

__all__ = ["PROBLEM_TYPES", "ProblemType"]
