"""How many requests a second a number of processes can answer, from what one request takes of each.

A process of Python uses one core at most, and all of them share the machine's. So the busiest kind of process sets the
limit, or the machine does: that is the operational law of bottlenecks (Denning and Buzen, 1978). How near one comes to
it is measured once, with one process of each kind, and taken to stay the same.

    demands = {"gateway": 0.0008, "users": 0.00045, "the load itself": 0.0001}
    Capacity(demands, cores=2).limit({"gateway": 2}).per_second
"""

from collections.abc import Mapping
from dataclasses import dataclass

LOAD = "the load itself"  # shares the machine, and has as many threads as it needs


@dataclass(frozen=True)
class Limit:
    """`per_second` requests, and what keeps it from being more."""

    per_second: float
    bottleneck: str


@dataclass(frozen=True)
class Capacity:
    """`demands`: seconds of CPU that one request takes of each kind of process. `efficiency`: how near one comes."""

    demands: Mapping[str, float]
    cores: int
    efficiency: float = 1.0

    @classmethod
    def measured(cls, demands: Mapping[str, float], cores: int, per_second: float) -> "Capacity":
        """From a run with one process of each kind that answered so many requests a second."""
        return cls(demands, cores, per_second / cls(demands, cores).limit({}).per_second)

    def limit(self, processes: Mapping[str, int]) -> Limit:
        """With so many processes of each kind; one, where none is named."""
        limits = {
            kind: processes.get(kind, 1) / demand for kind, demand in self.demands.items() if demand and kind != LOAD
        }
        limits[f"{self.cores} cores"] = self.cores / sum(self.demands.values())
        bottleneck = min(limits, key=limits.__getitem__)
        return Limit(self.efficiency * limits[bottleneck], bottleneck)
