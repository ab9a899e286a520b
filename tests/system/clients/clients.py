"""What httpx and aiohttp do with each kind of request. Each line of the output is a kind and its statuses."""

import asyncio
import json
import os
import sys

import aiohttp
import httpx

URL, PRODUCT = os.environ["PLAZA_URL"], os.environ["PLAZA_PRODUCT"]
SIGNED = {"Authorization": f"Bearer {os.environ['PLAZA_ACCESS']}", "Content-Type": "application/json"}


async def chunks(content):
    yield content


def with_httpx(session):
    async def send(method, path, content=None, headers=()):
        sent = {**SIGNED, **dict(headers)}
        response = await session.request(method, URL + path, content=content, headers=sent, follow_redirects=True)
        return response.status_code, response.headers, response.content

    return send


def with_aiohttp(session):
    async def send(method, path, content=None, headers=()):
        async with session.request(method, URL + path, data=content, headers={**SIGNED, **dict(headers)}) as response:
            return response.status, response.headers, await response.read()

    return send


def say(kind, *values):
    print(kind, *values)


async def ask(send):
    order = json.dumps({"items": [{"product_id": PRODUCT, "quantity": 1}]}).encode()
    say("chunked", (await send("POST", "/api/orders/", chunks(order)))[0])

    large = await send("POST", "/api/orders/", b" " * 300_000)
    say("too-large", large[0], (await send("GET", "/api/users/me/"))[0])

    say("lower-case", (await send("patch", "/api/users/me/", b'{"first_name": "P"}'))[0])

    path = f"/api/products/{PRODUCT}/"
    status, headers, _ = await send("GET", path)
    known = await send("GET", path, headers={"If-None-Match": headers["ETag"]})
    stale = await send("PATCH", path, b"{}", headers={"If-Match": '"stale"'})
    say("conditional", status, known[0], len(known[2]), stale[0])

    say("redirect", (await send("GET", "/api/products?page_size=1"))[0])

    body = json.dumps({"refresh": os.environ["PLAZA_REFRESH"]}).encode()
    answers = await asyncio.gather(*(send("POST", "/api/auth/token/refresh/", body) for _ in range(4)))
    say("refresh", *sorted(status for status, _, _ in answers))


async def main():
    if sys.argv[1] == "httpx":
        async with httpx.AsyncClient(trust_env=False) as session:
            await ask(with_httpx(session))
    else:
        async with aiohttp.ClientSession() as session:
            await ask(with_aiohttp(session))


asyncio.run(main())
