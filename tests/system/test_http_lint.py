"""httplint over an answer of every operation of the document, over refusals, and over every page with its files."""

import base64
import json
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.support.http import Client
from tests.support.plaza import ADMIN_PASSWORD, Plaza
from tests.system.packages import SOURCES, python_environment, run
from tests.system.story import tell_story

pytestmark = pytest.mark.clients

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
OPEN_PAGES = ("/", "/login/", "/register/", "/problems/", "/problems/invalid", "/api/", "/api/docs/")
PAGES = (*OPEN_PAGES, "/sessions/", "/status/")
LISTS = ("/api/products/", "/api/orders/", "/api/users/", "/api/categories/", "/api/users/me/", "/api/status/")
OPERATIONAL = ("/health/live", "/health/ready", "/metrics")
# What httplint warns of and why it stays, by the note's class and a word of what it says.
EXPLAINED = {
    ("CREATED_WITHOUT_LOCATION", "field-location"): "a stock movement has no path of its own",
    ("STATUS_BAD_REQUEST", "understand"): "said of every 400",
    ("STATUS_URI_TOO_LONG", "5042"): "said of every 414",
    ("REQUEST_HDR_IN_RESPONSE", "Accept-Encoding"): "RFC 9110, 12.5.3: a 415 says which encodings are taken",
    ("VARY_COMPLEX", "field-vary"): "an error depends on Accept, the language, the cookie and the origin",
    ("STORE_PUBLIC_UNNECESSARY", "field-cache-control"): "WhiteNoise's way to say it; it does no harm",
}


@dataclass
class Exchanges:
    """Everything that was asked and answered, for the linter."""

    lines: list[str] = field(default_factory=list)

    def add(self, response: requests.Response) -> requests.Response:
        request = response.request
        exchange = {
            "name": f"{request.method} {request.path_url} {response.status_code}",
            "method": request.method,
            "url": request.url,
            "sent": [*request.headers.items(), ("Host", urlsplit(str(request.url)).netloc)],
            "at": parsedate_to_datetime(response.headers["Date"]).timestamp(),
            "status": response.status_code,
            "reason": response.reason,
            "headers": list(response.raw.headers.items()),
            "body": base64.b64encode(response.content).decode(),
        }
        self.lines.append(json.dumps(exchange))
        return response

    def warnings(self) -> list[dict[str, str]]:
        program = [python_environment() / "bin" / "python", SOURCES / "lint_http.py"]
        return [json.loads(line) for line in run(*program, given="\n".join(self.lines)).splitlines()]

    def unexplained(self) -> list[str]:
        found = {(each["note"], each["field"], each["says"]): each["exchange"] for each in self.warnings()}
        return [
            f"{note} {field}: {says} ({where})"
            for (note, field, says), where in found.items()
            if not _is_explained(note, f"{field} {says}")
        ]


def _is_explained(note: str, text: str) -> bool:
    return any(note == known and word in text for known, word in EXPLAINED)


def test_nothing_is_wrong_with_any_answer_of_the_api(plaza: Plaza) -> None:
    exchanges = Exchanges()
    for _, answers in tell_story(plaza).values():
        for answer in answers:
            exchanges.add(answer)
    for answer in refusals(plaza.staff(), plaza.client()):
        exchanges.add(answer)
    assert len(exchanges.lines) > 60
    assert exchanges.unexplained() == []


def refusals(staff: Client, nobody: Client) -> list[requests.Response]:
    """One of each kind, and what has no body."""
    listed = staff.get("/api/products/?page_size=1")
    bad = {"items": [], "unknown": 1}
    return [
        nobody.get("/api/orders/"),
        nobody.get("/nowhere/"),
        nobody.get("/api/products"),
        nobody.request("HEAD", "/api/"),
        nobody.request("OPTIONS", "/api/auth/token/"),
        staff.get("/api/products/?unknown=1"),
        staff.get("/api/products/", headers={"If-None-Match": listed.headers["ETag"]}),
        staff.get("/api/products/?page_size=1", headers={"If-None-Match": listed.headers["ETag"]}),
        staff.post("/api/orders/", bad, headers={"Idempotency-Key": "lint"}),
        staff.request("POST", "/api/orders/", data="<a/>", headers={"Content-Type": "text/xml"}),
        staff.request("POST", "/api/orders/", data=b"{}", headers={"Content-Encoding": "gzip"}),
        staff.request("POST", "/api/categories/", data=b" " * 70_000, headers={"Content-Type": "application/json"}),
        staff.request("TRACE", "/api/orders/"),
        staff.get("/api/orders/", headers={"Accept": "image/png"}),
        staff.get(f"/api/orders/?search={'x' * 5000}"),
        *(nobody.get(path) for path in OPERATIONAL),
        nobody.get("/api/schema/"),
    ]


def test_nothing_is_wrong_with_any_page_and_its_files(plaza: Plaza) -> None:
    exchanges, browser = Exchanges(), requests.Session()
    browser.headers.update(BROWSER)
    exchanges.add(sign_in(browser, plaza))
    files: set[str] = set()
    product = plaza.staff().get("/api/products/?page_size=1").json()["results"][0]["id"]
    for path in (*PAGES, *LISTS, f"/api/products/{product}/", "/nowhere/", "/favicon.ico"):
        page = exchanges.add(browser.get(plaza.url() + path, allow_redirects=False))
        files |= {
            urljoin(str(page.url), each) for each in re.findall(r'(?:src|href)="([^"]*/static/[^"]+)"', page.text)
        }
    assert len(files) >= 4
    for file in sorted(files):
        exchanges.add(browser.get(file))
    browser.close()
    assert exchanges.unexplained() == []


def sign_in(browser: requests.Session, plaza: Plaza) -> requests.Response:
    page = browser.get(f"{plaza.url()}/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    form = {"username": "admin", "password": ADMIN_PASSWORD, "csrfmiddlewaretoken": token[1]}
    answer = browser.post(f"{plaza.url()}/login/", form, allow_redirects=False)
    assert answer.status_code == 302
    return answer


def test_a_page_names_its_files_by_their_content_and_they_are_fresh_for_ever(plaza: Plaza) -> None:
    page = requests.get(f"{plaza.url()}/login/", headers=BROWSER, timeout=10)
    names = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert names
    for name in names:
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", name), name
        file = requests.get(plaza.url() + name, timeout=10)
        plain = requests.get(plaza.url() + re.sub(r"\.[0-9a-f]{12}(\.\w+)$", r"\1", name), timeout=10)
        assert file.content == plain.content
        assert "immutable" in file.headers["Cache-Control"]
        assert "immutable" not in plain.headers["Cache-Control"]


def test_pages_health_and_metrics_are_kept_by_no_cache(plaza: Plaza) -> None:
    for path in (*PAGES, *OPERATIONAL, "/nowhere/"):
        answer: Any = requests.get(plaza.url() + path, headers=BROWSER, timeout=10, allow_redirects=False)
        assert answer.headers["Cache-Control"] == "no-store", path
