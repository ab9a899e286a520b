"""How many requests a second a number of processes answer, from what one request takes of each.

A process of Python works on one thing at a time, and clients wait for their answers before they ask again: a closed
network of queues, whose throughput exact mean value analysis gives (Reiser and Lavenberg, 1980). All processes share
the machine's cores, which are the other limit. How near one comes to the lower of both is measured once, with one
process of each kind, and taken to stay the same.

    demands = {"gateway": 0.0008, "users": 0.00045, "the load itself": 0.0001}
    Capacity(demands, cores=2).limit({"gateway": 2}, customers=16).per_second
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOAD = "the load itself"  # shares the machine, and nobody waits for it


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
    def measured(cls, demands: Mapping[str, float], cores: int, customers: int, per_second: float) -> "Capacity":
        """From a run with one process of each kind that answered so many requests a second."""
        return cls(demands, cores, per_second / cls(demands, cores).limit({}, customers).per_second)

    def limit(self, processes: Mapping[str, int], customers: int) -> Limit:
        """With so many processes of each kind; one, where none is named."""
        shares = {
            kind: demand / processes.get(kind, 1) for kind, demand in self.demands.items() if demand and kind != LOAD
        }
        queues = [share for kind, share in shares.items() for _ in range(processes.get(kind, 1))]
        by_queues, by_cores = throughput(queues, customers), self.cores / sum(self.demands.values())
        busiest = max(shares, key=shares.__getitem__)
        return Limit(
            self.efficiency * min(by_queues, by_cores), busiest if by_queues < by_cores else f"{self.cores} cores"
        )


def throughput(demands: Sequence[float], customers: int) -> float:
    """Requests a second of a closed network: so many customers, who ask again at once, and a queue for each demand."""
    waiting = [0.0] * len(demands)
    per_second = 0.0
    for present in range(1, customers + 1):
        times = [demand * (1 + before) for demand, before in zip(demands, waiting, strict=True)]
        per_second = present / sum(times)
        waiting = [per_second * time for time in times]
    return per_second
