"""What a gateway itself costs: CPU a request with one fast stub in place of all services, beside other gateways.

Everything of Plaza's is on: tokens, circuits, the check of each answer, the log line, the cache. FastAPI's gateway
checks tokens and answers, has circuits and a log; Express' checks tokens; Envoy checks tokens, has a circuit and a log.
Only `cached product` asks for the same twice.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from experiments.chaos.shop import Shop

from . import packages, sides
from .report import Report
from .rounds import Plan, Side, compared, samples
from .stub import PRODUCT_ID, USER_ID
from .wrk import Request

REQUESTS = {
    "own account": Request(["/api/users/me/"]),
    "one product": Request(["/api/products/01890000-0000-7000-8000-%012d/"]),
    "page of 20": Request(["/api/products/?max_price=%d&page_size=20"]),
    "cached product": Request([f"/api/products/{PRODUCT_ID}/"]),
}


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, ExitStack() as stack:
        comparison = compared(samples(gateways(stack, Path(directory)), plan), "CPU µs", lambda sample: sample.cpu_us)
    return Report.of("A gateway's own CPU a request, with a stub behind it", comparison)


def gateways(stack: ExitStack, directory: Path) -> list[Side]:
    stub = stack.enter_context(sides.stub(directory))
    upstreams = sides.urls(stub.url, stub.url, stub.url)
    peers = {
        "FastAPI": lambda: sides.fastapi_gateway(upstreams, directory),
        "Express": lambda: sides.express_gateway(upstreams, directory),
        "Envoy": lambda: sides.envoy_gateway(stub, directory),
    }
    needs = (
        ("FastAPI", packages.python_environment),
        ("Express", packages.node_modules),
        ("Envoy", packages.python_environment),
    )
    shop = stack.enter_context(Shop(directory / "plaza", proxied=False, variables=upstreams))
    customer = sides.Customer(shop, "ada", "whatever the stub believes")
    compared = [Side("Plaza", shop.port, sides.leaders(shop, "gateway"), customer.tokens, REQUESTS)]
    for name in packages.available(needs):
        server = stack.enter_context(peers[name]())
        compared.append(Side(name, server.port, [server.pid], lambda: sides.peer_tokens(USER_ID), REQUESTS))
    return compared
