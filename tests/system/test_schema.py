"""The OpenAPI document of the public API, and the page that shows it without loading anything from elsewhere."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from tests.support.http import Client

SURFACE = """
POST                    /api/auth/register/
POST                    /api/auth/password-reset/
POST                    /api/auth/password-reset/confirm/
POST                    /api/auth/token/
POST                    /api/auth/token/refresh/
POST                    /api/auth/token/verify/
POST                    /api/auth/logout/
GET DELETE              /api/auth/sessions/
DELETE                  /api/auth/sessions/{session_id}/
GET PUT PATCH DELETE    /api/users/me/
POST                    /api/users/me/password/
GET POST                /api/users/
GET PUT PATCH DELETE    /api/users/{user_id}/
GET POST                /api/categories/
GET PUT PATCH DELETE    /api/categories/{slug}/
GET POST                /api/products/
GET PUT PATCH DELETE    /api/products/{product_id}/
GET POST                /api/products/{product_id}/stock/
GET POST                /api/orders/
GET PATCH DELETE        /api/orders/{order_id}/
POST                    /api/orders/{order_id}/cancel/
GET                     /api/status/
"""


def test_the_schema_is_openapi_3_1_of_exactly_this_surface(nobody: Client) -> None:
    response = nobody.get("/api/schema/?format=json")

    assert response.status_code == 200
    schema = response.json()
    assert schema["openapi"] == "3.1.0"
    found = {path: sorted(method.upper() for method in item) for path, item in schema["paths"].items()}
    lines = [line.split() for line in SURFACE.strip().splitlines()]
    assert found == {line[-1]: sorted(line[:-1]) for line in lines}


def test_the_schema_is_yaml_by_default(nobody: Client) -> None:
    response = nobody.get("/api/schema/")

    assert response.headers["Content-Type"].startswith("application/vnd.oai.openapi")
    assert response.text.startswith("openapi: 3.1.0\n")


class References(HTMLParser):
    """The files that a page loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = {"script": "src", "img": "src", "link": "href"}.get(tag, "")
        if (value := dict(attrs).get(name)) and not value.startswith("data:"):
            self.found.append(value)


def test_the_docs_page_loads_nothing_but_local_files(nobody: Client) -> None:
    page = nobody.get("/api/docs/")
    assert page.status_code == 200
    references = References(page.text).found

    kinds = {path.rsplit(".", 1)[-1] for path in references}
    assert {"js", "css"} <= kinds
    loaded = []
    for reference in references:
        target = urlsplit(urljoin(page.url, reference))
        assert f"{target.scheme}://{target.netloc}" == nobody.base_url, reference
        response = nobody.get(target._replace(scheme="", netloc="").geturl())
        assert response.status_code == 200, reference
        loaded.append(response.text)
    assert any("/api/schema/" in text for text in loaded)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
