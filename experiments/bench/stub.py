"""Three services in one: it answers at once, what users and products would, so that only the gateway is measured.

`python -m experiments.bench.stub PORT`. One process, no framework: about 20 µs a request.
"""

import asyncio
import json
import re
import sys

from operations.layout import LOOPBACK

USER_ID = "01890000-0000-7000-8000-000000000001"
PRODUCT_ID = "01890000-0000-7000-8000-000000000002"
TIMES = {"created_at": "2026-01-02T03:04:05.678901Z", "updated_at": "2026-01-02T03:04:05.678901Z"}
PRODUCT = {
    "id": PRODUCT_ID,
    "sku": "TEA-POT-08",
    "name": "Glass teapot, 0.8 l",
    "description": "Borosilicate glass with a steel strainer. Goes into the dishwasher.",
    "price": "24.90",
    "currency": "EUR",
    "stock": 1204,
    "category": "kitchen",
    **TIMES,
}
USER = {
    "id": USER_ID,
    "username": "ada",
    "email": "ada@shop.example",
    "first_name": "Ada",
    "last_name": "King",
    "is_staff": False,
    "is_active": True,
    "date_joined": "2026-01-02T03:04:05.678901Z",
}
ACCOUNT = {"id": USER_ID, "username": "ada", "is_staff": False, "is_active": True, "password_version": 1}
PAGE = {"next": "/products/?cursor=bmV4dA", "previous": None, "results": [PRODUCT] * 20}
PUBLIC = 'Cache-Control: public, max-age=1, stale-if-error=86400\r\nETag: "5f1c2a7be8d94c60"\r\n'
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def answer(document: object, headers: str = "") -> bytes:
    body = json.dumps(document, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


ANSWERS = {
    b"/users/me/": answer(USER),
    b"/products/": answer(PAGE, PUBLIC),
    b"/credentials/": answer({"user": ACCOUNT}),
    b"/health/ready": answer({"status": "ok"}),
}
ONE_PRODUCT = answer(PRODUCT, PUBLIC)


class Stub(asyncio.Protocol):
    """Keeps its connections. A request is complete when its head and as many bytes as it announces have come."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := end_of_request(self._received)) is not None:
            self._transport.write(answer_to(self._received))
            self._received = self._received[end:]


def end_of_request(received: bytes) -> int | None:
    head, blank_line, _ = received.partition(b"\r\n\r\n")
    announced = CONTENT_LENGTH.search(head)
    end = len(head) + len(blank_line) + (int(announced[1]) if announced else 0)
    return end if blank_line and len(received) >= end else None


def answer_to(request: bytes) -> bytes:
    path = request.split(b" ", 2)[1].partition(b"?")[0]
    if known := ANSWERS.get(path):
        return known
    product_id = path.split(b"/")[2]
    return ONE_PRODUCT.replace(PRODUCT_ID.encode(), product_id)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Stub, LOOPBACK, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
