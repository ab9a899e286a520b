"""Bad inputs, line by line: what is sent, where, and exactly what is answered.

A line is: method, path, status, problem, pointer of each fault ("-": the problem names none), body. Words in
capitals are spelled out below; names in braces are ids of a scene.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

INPUTS = r"""
# Not JSON, or JSON that two readers would read differently
POST  /api/orders/            400 parse-error -                    {
POST  /api/orders/            400 parse-error -                    {"items": [],}
POST  /api/orders/            400 parse-error -                    {'items': []}
POST  /api/orders/            400 parse-error -                    {"items": []} {}
POST  /api/orders/            400 parse-error -                    {"items": []} // two
POST  /api/orders/            400 parse-error -                    {"note": "a", "note": "b"}
POST  /api/orders/            400 parse-error -                    {"items": [{"quantity": 1, "quantity": 2}]}
POST  /api/orders/            400 parse-error -                    {"items": NaN}
POST  /api/orders/            400 parse-error -                    {"items": -Infinity}
POST  /api/orders/            400 parse-error -                    {"items": 1e400}
POST  /api/orders/            400 parse-error -                    {"items": 0777}
POST  /api/orders/            400 parse-error -                    {"items": 1_000}
POST  /api/orders/            400 parse-error -                    {"items": MILLION_DIGITS}
POST  /api/orders/            400 parse-error -                    {"note": "TAB"}
POST  /api/orders/            400 parse-error -                    DEEP
POST  /api/orders/            400 parse-error -                    {"items": NESTED}

# Another shape
POST  /api/orders/            400 invalid     ""                   null
POST  /api/orders/            400 invalid     ""                   []
POST  /api/orders/            400 invalid     ""                   "items"
POST  /api/orders/            400 invalid     ""                   1
POST  /api/orders/            400 invalid     /items               {}
POST  /api/orders/            400 invalid     /items               {"items": null}
POST  /api/orders/            400 invalid     /items               {"items": {}}
POST  /api/orders/            400 invalid     /items               {"items": "all"}
POST  /api/orders/            400 invalid     /items               {"items": []}
POST  /api/orders/            400 invalid     /items/0             {"items": [null]}
POST  /api/orders/            400 invalid     /items/0             {"items": [[]]}
POST  /api/orders/            400 invalid     /items/0/product_id,/items/0/quantity {"items": [{}]}
POST  /api/orders/            400 invalid     /items               {"items": [HUNDRED_AND_ONE]}
POST  /api/orders/            400 invalid     /items               {"items": [ITEM, ITEM]}

# Another type, another measure
POST  /api/orders/            400 invalid     /items/0/product_id  {"items": [{"product_id": true, "quantity": 1}]}
POST  /api/orders/            400 invalid     /items/0/product_id  {"items": [{"product_id": 1, "quantity": 1}]}
POST  /api/orders/            400 invalid     /items/0/product_id  {"items": [{"product_id": "1", "quantity": 1}]}
POST  /api/orders/            400 invalid     /items/0/product_id  {"items": [{"product_id": {}, "quantity": 1}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": 0}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": -1}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": 10001}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": 1.5}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": "1"}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": true}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": null}]}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": 5}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": null}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": ["a"]}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": "LONG"}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": "a\u0000b"}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": "\ud800"}
POST  /api/orders/            400 invalid     ""                   {"items": [ITEM], "\u0000": 1}

# Members that are not there, or not to be written
POST  /api/orders/            400 invalid     /gift                {"items": [ITEM], "gift": true}
POST  /api/orders/            400 invalid     /__proto__           {"items": [ITEM], "__proto__": {"is_staff": true}}
POST  /api/orders/            400 invalid     /a~1b~0c             {"items": [ITEM], "a/b~c": 1}
POST  /api/orders/            400 invalid     /total,/status       {"items": [ITEM], "total": "0.01", "status": "paid"}
POST  /api/orders/            400 invalid     /user_id             {"items": [ITEM], "user_id": "{user_id}"}
POST  /api/orders/            400 invalid     /items/0/unit_price  {"items": [{ID, "quantity": 1, "unit_price": "1"}]}
PATCH /api/orders/{order_id}/ 400 invalid     /items               {"items": [ITEM]}
PATCH /api/orders/{order_id}/ 400 invalid     /status              {"status": "free"}
PATCH /api/users/me/          400 invalid     /id                  {"id": "{user_id}"}
PATCH /api/users/me/          400 invalid     /password            {STRONG}
PATCH /api/products/{product_id}/ 400 invalid     /stock               {"stock": 1000}

# The other resources
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "-0.01"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "1.999"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "NaN"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "1e9999"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "99999999999.00"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": true}
POST  /api/products/          400 invalid     /currency            {PRODUCT, "price": "1", "currency": "eur"}
POST  /api/products/          400 invalid     /sku                 {"sku": "../R", SOAP, CATEGORY}
POST  /api/products/          400 invalid     /name                {"name": "  ", "sku": "R-1", "price": "1", CATEGORY}
POST  /api/products/          400 invalid     /category            {"sku": "R-1", SOAP, "category": "no-such"}
POST  /api/products/          400 invalid     /stock               {PRODUCT, "price": "1", "stock": -1}
POST  /api/products/{product_id}/stock/ 400 invalid     /delta               {"delta": 0}
POST  /api/products/{product_id}/stock/ 400 invalid     /delta               {"delta": "1"}
POST  /api/products/{product_id}/stock/ 400 invalid     /delta               {"delta": 1000000001}
POST  /api/categories/        400 invalid     /slug                {"name": "R", "slug": "a b"}
POST  /api/categories/        400 invalid     /slug                {"name": "R", "slug": "é"}
POST  /api/categories/        400 invalid     /slug                {"name": "⁂"}
POST  /api/users/             400 invalid     /username            {"username": "a b", EMAIL, STRONG}
POST  /api/users/             400 invalid     /email               {"username": "rita", "email": "nowhere", STRONG}
POST  /api/users/             400 invalid     /is_staff            {RITA, STRONG, "is_staff": "yes"}
POST  /api/auth/register/     400 invalid     /password            {RITA, "password": "tulip-7"}
POST  /api/auth/register/     400 invalid     /is_staff            {RITA, STRONG, "is_staff": true}
POST  /api/users/me/password/ 400 invalid     /current_password    {"current_password": "guess", "new_password": "a"}
POST  /api/auth/token/        400 invalid     /password            {"username": "admin", "password": ["a"]}
POST  /api/auth/token/        400 invalid     /password            {"username": "admin", "password": "LONG"}
POST  /api/auth/token/refresh/ 400 invalid     /refresh             {"refresh": "LONG_TOKEN"}

# Queries
GET   /api/products/?colour=red 400 invalid     ?colour
GET   /api/products/?page_size=0 400 invalid     ?page_size
GET   /api/products/?page_size=101 400 invalid     ?page_size
GET   /api/products/?page_size=-1 400 invalid     ?page_size
GET   /api/products/?page_size=1e9 400 invalid     ?page_size
GET   /api/products/?page_size=THOUSAND_DIGITS 400 invalid     ?page_size
GET   /api/products/?cursor=forged 400 invalid     ?cursor
GET   /api/products/?cursor=FOREIGN 400 invalid     ?cursor
GET   /api/products/?cursor=LONG 400 invalid     ?cursor
GET   /api/products/?search=a&search=b 400 invalid     ?search
GET   /api/products/?search=%00 400 invalid     ?search
GET   /api/products/?in_stock=maybe 400 invalid     ?in_stock
GET   /api/products/?min_price=NaN 400 invalid     ?min_price
GET   /api/products/?max_price=-1 400 invalid     ?max_price
GET   /api/products/?category=a/b 400 invalid     ?category
GET   /api/products/?ordering=price;drop 400 invalid     ?ordering
GET   /api/orders/?created_after=yesterday 400 invalid     ?created_after
GET   /api/orders/?created_before=0001-01-01T00:00:00%2B14:00 400 invalid     ?created_before
GET   /api/orders/?user_id=1  400 invalid     ?user_id
GET   /api/orders/?status=free 400 invalid     ?status
GET   /api/users/?is_staff=2  400 invalid     ?is_staff
GET   /api/users/me/?id={user_id} 400 invalid     ?id
DELETE /api/products/{product_id}/?force=true 400 invalid     ?force
GET   /api/products/?format=xml 404 not-found   -

# Paths
GET   /users/me/              404 not-found   -
GET   /api/users/me           404 not-found   -
GET   /api//users/me/         404 not-found   -
GET   /api/../api/users/me/   404 not-found   -
GET   /api/%2e%2e/users/      404 not-found   -
GET   /api/products/..%2Fusers/ 404 not-found   -
GET   /api/products/%2e%2e%2fusers/me/ 404 not-found   -
GET   /api/products/..%5Cusers/ 404 not-found   -
GET   /api/products/{product_id}/../ 404 not-found   -
GET   /api/products/{product_id};a=b/ 404 not-found   -
GET   /api/users/me/%00       404 not-found   -
GET   /api/categories/%ff/    404 not-found   -
GET   /api/categories/a%0d%0aSet-Cookie:%20a=b/ 404 not-found   -
GET   /api/reservations/{order_id}/ 404 not-found   -
GET   /api/credentials/       404 not-found   -
GET   /api/products/00000000-0000-0000-0000-000000000000/ 404 not-found   -
BREW  /api/orders/            405 method-not-allowed -
CONNECT /api/orders/            405 method-not-allowed -
TRACE /api/orders/            405 method-not-allowed -
"""
SPELLED_OUT = {
    "MILLION_DIGITS": "9" * 10**6,
    "THOUSAND_DIGITS": "9" * 1000,
    "TAB": "\t",
    "DEEP": "[" * 200_000,
    "NESTED": "[" * 21 + "]" * 21,
    "HUNDRED_AND_ONE": ", ".join(
        f'{{"product_id": "01890000-0000-7000-8000-{number:012}", "quantity": 1}}' for number in range(101)
    ),
    "PRODUCT": '"sku": "R-1", "name": "R", CATEGORY',
    "CATEGORY": '"category": "{slug}"',
    "RITA": '"username": "rita", EMAIL',
    "SOAP": '"name": "Soap", "price": "1.00"',
    "EMAIL": '"email": "rita@shop.example"',
    "STRONG": '"password": "copper-meadow-in-may"',
    "ID": '"product_id": "{product_id}"',
    "ITEM": '{"product_id": "{product_id}", "quantity": 1}',
    "LONG_TOKEN": "a" * 4097,
    "LONG": "a" * 1001,
    # Signed by nobody's key, in the shape of ours.
    "FOREIGN": "WyI4ZjQ3IiwiMjAyNi0wMS0wMSIsIjAxIixmYWxzZV0:1vAbCd:mZ8cXoQ0lqk6Jv1sX3b1oJ0QqfJ0Yp6mJkQxF2y7t4E",
}
LINE = re.compile(r"(\w+) +(\S+) +(\d+) ([\w-]+) +(\S+) *(.*)")


@dataclass(frozen=True)
class BadInput:
    method: str
    path: str
    status: int
    problem: str
    pointers: tuple[str, ...] | None
    body: str

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.body}"[:100]


def bad_inputs() -> list[BadInput]:
    lines = [line for line in INPUTS.splitlines() if line and not line.startswith("#")]
    return [_read(line) for line in lines]


def _read(line: str) -> BadInput:
    found = LINE.fullmatch(line)
    assert found, line
    method, path, status, problem, pointers, body = found.groups()
    named = None if pointers == "-" else tuple(sorted(pointers.replace('""', "").split(",")))
    return BadInput(method, path, int(status), problem, named, body)


def spelled_out(text: str, ids: Mapping[str, str]) -> str:
    for word, meaning in SPELLED_OUT.items():
        text = text.replace(word, meaning)
    return re.sub(r"{(\w+_id|slug)}", lambda match: ids[match[1]], text)
