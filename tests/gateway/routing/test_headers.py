"""Headers pass by an allow-list each way; nothing that a client sends reaches a service as trust."""

import pytest
from django.conf import settings
from django.test import Client

from gateway_project.routing.views import REQUEST_HEADERS
from tests.gateway.clients import HTML, BeginSession, browser, send
from tests.gateway.fakes import Services, answer
from tests.support.examples import NEW_ORDER, ORDER, PRODUCT, PRODUCT_ID, USER_ID

HOSTILE = {
    "X_User_Id": "01890a5d-ac96-774b-bcce-000000000000",
    "X_User_Is_Staff": "true",
    "X_Forwarded_For": "10.0.0.1",
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "evil.example",
    "X_Real_IP": "10.0.0.1",
    "Forwarded": "for=10.0.0.1",
    "Connection": "X-Plaza-Deadline-Ms",
    "Proxy_Authorization": "Basic YTpi",
    "X_Plaza_Deadline_Ms": "999999",
    "X_HTTP_Method_Override": "DELETE",
    "Script_Name": "/elsewhere",
    "Cookie": "plaza_access=stolen; theme=dark",
    "Range": "bytes=0-1",
    "If_Modified_Since": "Wed, 04 Mar 2026 05:06:07 GMT",
}


def test_only_allowed_request_headers_reach_a_service(user: Client, services: Services) -> None:
    services.orders.otherwise = answer(201, ORDER)
    allowed = {
        "Accept_Language": "es",
        "Idempotency_Key": "key-1",
        "If_Match": '"v1"',
        "If_None_Match": '"v2"',
    }
    assert send(user, "POST", "/api/orders/", NEW_ORDER, **HOSTILE, **allowed).status_code == 201
    headers = dict(services.orders.last.headers or {})
    token = headers.pop("Authorization").removeprefix("Bearer ")
    assert headers == {name.replace("_", "-"): value for name, value in allowed.items()}
    assert token not in str(user.defaults)
    assert services.orders.claims()["sub"] == USER_ID
    assert services.orders.claims()["is_staff"] is False


def test_absent_request_headers_are_not_made_up(user: Client, services: Services) -> None:
    services.products.otherwise = answer(200, PRODUCT)
    send(user, "GET", f"/api/products/{PRODUCT_ID}/")
    assert list(services.products.last.headers or {}) == ["Authorization"]


def test_a_browsers_cookies_do_not_reach_a_service(begin_session: BeginSession, services: Services) -> None:
    services.products.otherwise = answer(200, PRODUCT)
    client = browser(begin_session()[1])
    assert client.get(f"/api/products/{PRODUCT_ID}/").status_code == 200
    assert list(services.products.last.headers or {}) == ["Authorization"]
    assert services.products.claims()["sub"] == USER_ID


def test_only_allowed_response_headers_leave(user: Client, services: Services) -> None:
    services.orders.otherwise = answer(
        201,
        ORDER,
        ETag='"v1"',
        Idempotent_Replayed="true",
        Content_Language="es",
        Retry_After="3",
        Location=f"/orders/{ORDER['id']}/",
        Set_Cookie="sessionid=1",
        Server="gunicorn",
        X_Powered_By="Python",
        X_Request_ID="inner",
        Cache_Control="public, max-age=1",
        WWW_Authenticate='Bearer realm="orders"',
        Access_Control_Allow_Origin="*",
        Connection="close",
        Content_Security_Policy="default-src *",
        Via="1.1 inside",
        Content_Encoding="gzip",
    )
    response = send(user, "POST", "/api/orders/", NEW_ORDER)
    assert (response.status_code, response.json()) == (201, ORDER)
    assert not response.cookies
    assert {name: value for name, value in response.headers.items() if name not in OWN_HEADERS} == {
        "ETag": '"v1"',
        "Idempotent-Replayed": "true",
        "Content-Language": "es",
        "Retry-After": "3",
        "Location": f"/api/orders/{ORDER['id']}/",
    }
    assert response["X-Request-ID"] != "inner"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["Content-Type"] == "application/json"


OWN_HEADERS = {
    "Content-Type",
    "Content-Length",
    "Vary",
    "Allow",
    "Cache-Control",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Referrer-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-Request-ID",
}


def test_what_can_be_revalidated_may_be_kept_and_the_rest_may_not(user: Client, services: Services) -> None:
    services.products.otherwise = answer(200, PRODUCT, ETag='"v1"')
    assert user.get(f"/api/products/{PRODUCT_ID}/")["Cache-Control"] == "private, no-cache"
    services.products.otherwise = answer(200, PRODUCT)
    assert user.get(f"/api/products/{PRODUCT_ID}/")["Cache-Control"] == "no-store"
    assert user.get("/nowhere/")["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/", "/login/", "/api/docs/", "/nowhere/", "/health/live"])
def test_every_answer_is_fenced_in(path: str, anonymous: Client) -> None:
    response = anonymous.get(path, headers=HTML)
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"


def test_no_origin_may_read_answers_by_default(user: Client, services: Services) -> None:
    services.products.otherwise = answer(200, PRODUCT)
    response = user.get(f"/api/products/{PRODUCT_ID}/", headers={"Origin": "https://shop.example"})
    assert not [name for name in response.headers if name.startswith("Access-Control")]
    assert "origin" not in response["Vary"].lower()
    assert settings.CORS_ALLOWED_ORIGINS == []


def test_a_configured_origin_may_read_answers_but_never_with_credentials(
    user: Client, services: Services, settings: object
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]  # type: ignore[attr-defined]
    services.products.otherwise = answer(200, PRODUCT)
    path = f"/api/products/{PRODUCT_ID}/"
    response = user.get(path, headers={"Origin": "https://shop.example"})
    assert response["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "ETag" in response["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in response
    assert "Access-Control-Allow-Origin" not in user.get(path, headers={"Origin": "https://evil.example"})


# What scripts may read anyway (Fetch, "CORS-safelisted response-header name"), or have no use for.
NOT_FOR_SCRIPTS = OWN_HEADERS - {"Allow", "X-Request-ID"} | {"Content-Language", "Access-Control-Expose-Headers"}


def test_a_configured_origin_may_send_all_that_is_read_and_read_all_that_is_written(
    user: Client, anonymous: Client, services: Services, settings: object
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]  # type: ignore[attr-defined]
    origin = {"Origin": "https://shop.example"}
    asks = {**origin, "Access-Control-Request-Method": "POST"}
    allowed = set(anonymous.options("/api/orders/", headers=asks)["Access-Control-Allow-Headers"].split(", "))
    assert {name.lower() for name in {*REQUEST_HEADERS} | {"X-Request-ID", "traceparent"}} <= allowed

    services.products.otherwise = answer(200, PRODUCT, ETag='"v1"', Cache_Control="public, max-age=60")
    services.orders.otherwise = answer(
        201, ORDER, Location="/orders/1/", Idempotent_Replayed="true", Content_Language="en", Retry_After="1"
    )
    services.users.otherwise = answer(500, {})
    paths = [f"/api/products/{PRODUCT_ID}/"] * 2 + ["/api/users/me/"]
    answers = [user.get(path, headers=origin) for path in paths]
    answers += [user.post("/api/orders/", NEW_ORDER, "application/json", headers=origin)]
    answers += [anonymous.get("/api/orders/", headers=origin), user.delete("/api/orders/", headers=origin)]
    written = {name for response in answers for name in response.headers}
    assert {"Age", "Cache-Status", "Proxy-Status", "WWW-Authenticate", "Location", "ETag"} <= written
    exposed = set(answers[0]["Access-Control-Expose-Headers"].split(", "))
    assert {name for name in written if not name.lower().startswith("access-control")} - NOT_FOR_SCRIPTS <= exposed


def test_a_preflight_of_a_configured_origin_is_answered_without_asking_who(
    anonymous: Client, services: Services, settings: object
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]  # type: ignore[attr-defined]
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "PATCH"}
    response = anonymous.options(f"/api/products/{PRODUCT_ID}/", headers=headers)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "authorization" in response["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in response
    assert services.calls == []
