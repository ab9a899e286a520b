"""A person with a browser: wide or narrow, light or dark, with or without scripts."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.support.plaza import Plaza

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
expect.set_options(timeout=45_000)  # the machine may be busy
GRAVE = ("serious", "critical")


@dataclass(frozen=True, slots=True)
class Way:
    """How a page is looked at."""

    width: int
    scheme: str
    has_script: bool

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}-{'script' if self.has_script else 'plain'}"


# Each two of width, colours and script come together.
WAYS = (Way(1280, "light", True), Way(390, "dark", True), Way(1280, "dark", False), Way(390, "light", False))


@cache
def axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text()


class Visit:
    """One person's browser. It collects every error, and a test names those that it expects."""

    def __init__(self, context: BrowserContext, base_url: str, way: Way) -> None:
        self.context = context
        self.base_url = base_url
        self.way = way
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.expected_statuses: set[int] = set()
        self.is_stale = False  # the service failed for a moment, and the gateway has shown what it had before
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", self._requested)
        self.page.on("response", self._responded)

    def _on_console(self, message: ConsoleMessage) -> None:
        expected = any(f"status of {status}" in message.text for status in self.expected_statuses)
        if message.type in ("error", "warning") and not expected:
            self.faults.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the browser went on to the next page
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.base_url, "data:", "blob:")):
            self.faults.append(f"not local: {request.url}")

    def _responded(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected_statuses:
            self.faults.append(f"{response.status}: {response.url}")
        if response.request.is_navigation_request():
            self.is_stale = "stale-if-error" in response.headers.get("cache-status", "")

    # What a person does.

    def go(self, path: str) -> None:
        self.page.goto(f"{self.base_url}{path}")

    def sign_in(self, username: str, password: str, then: str = "/api/") -> None:
        self.go(f"/login/?next={then}")
        self.page.fill("#username", username)
        self.page.fill("#password", password)
        self.press("Sign in")

    def press(self, name: str) -> None:
        self.page.get_by_role("main").get_by_role("button", name=name, exact=True).first.click()

    def unfold(self, title: str) -> None:
        self.page.locator("main summary", has_text=re.compile(f"^{re.escape(title)}$")).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("main").get_by_role("link", name=name, exact=True).first.click()

    def fill(self, label: str, value: str) -> None:
        self._field(label).fill(value)

    def select(self, label: str, value: str) -> None:
        self._field(label).select_option(label=value)

    def choose_product(self, line: int, name: str, price: str) -> None:
        """In an order's form: by typing, or without scripts in a select."""
        if self.way.has_script:
            field = self.page.locator(f"#line-{line}-product_id")
            field.fill(name[:-1])
            self.page.get_by_role("option", name=f"{name} – {price}").click()
            expect(field).to_have_value(f"{name} – {price}")
        else:
            self.page.locator(f"#line-{line}-product_id").select_option(label=f"{name} – {price}")

    def _field(self, label: str) -> Any:
        label_text = re.compile(f"^{re.escape(label)}( \\(optional\\))?$")
        return self.page.get_by_role("main").get_by_label(label_text).locator("visible=true").first

    # What a person sees.

    def shows(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.get_by_role("main")).to_contain_text(text)

    def is_at(self, heading: str) -> None:
        if self.is_stale:
            self.page.reload()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)
        expect(self.page).to_have_title(f"{heading} – Plaza")

    def is_told(self, text: str) -> None:
        expect(self.page.get_by_role("main").get_by_role("status")).to_contain_text(text)

    def is_sound(self) -> None:
        """Nothing is wider than the page, and axe finds nothing serious."""
        if not self.way.has_script:
            return
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), self.page.url
        self.page.evaluate(axe())
        found = self.page.evaluate("axe.run()")["violations"]
        grave = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found if each["impact"] in GRAVE]
        assert not grave, (self.page.url, grave)

    def path(self) -> str:
        return urlsplit(self.page.url).path

    def cookies(self) -> dict[str, Any]:
        return {cookie["name"]: cookie for cookie in self.context.cookies()}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium here, and CI must prove these")
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield launched
        launched.close()


@contextmanager
def visited(browser: Browser, plaza: Plaza, way: Way) -> Iterator[Visit]:
    context = browser.new_context(
        viewport={"width": way.width, "height": 900},
        color_scheme=way.scheme,
        java_script_enabled=way.has_script,
        locale="en-GB",
    )
    context.set_default_timeout(15_000)
    made = Visit(context, plaza.url(), way)
    yield made
    plaza.sensitive |= {
        cookie["value"] for name, cookie in made.cookies().items() if name in ("plaza_access", "plaza_refresh")
    }
    context.close()
    assert made.faults == []


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Browser, plaza: Plaza) -> Iterator[Visit]:
    """A test may choose the `Way` by its indirect parameter."""
    with visited(browser, plaza, getattr(request, "param", WAYS[0])) as made:
        yield made
