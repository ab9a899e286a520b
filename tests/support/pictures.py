"""Pictures of a running Plaza's pages: `python -m tests.support.pictures URL FOLDER`, as admin.

The password is in PLAZA_ADMIN_PASSWORD. Each page is taken wide and light, and narrow and dark.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

WAYS = ((1280, "light"), (390, "dark"))
# Names, paths and what is unfolded there.
PAGES = (
    ("products", "/api/products/", ""),
    ("product", "/api/products/{product}/", "Edit"),
    ("stock", "/api/products/{product}/stock/", "Move stock"),
    ("orders", "/api/orders/", "New order"),
    ("order", "/api/orders/{order}/", ""),
    ("refused", "/api/products/?min_price=cheap&search=lamp", ""),
    ("account", "/api/users/me/", ""),
    ("program", "/api/categories/", "As a program sees it"),
    ("docs", "/api/docs/", ""),
    ("status", "/status/", ""),
)


def first(page: Page, url: str, path: str) -> str:
    answer = page.context.request.get(f"{url}{path}", headers={"Accept": "application/json"})
    rows: list[dict[str, Any]] = answer.json()["results"]
    return str(rows[0]["id"]) if rows else ""


def main(url: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for width, scheme in WAYS:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto(f"{url}/login/")
            page.screenshot(path=folder / f"login-{width}.png")
            page.fill("#username", "admin")
            page.fill("#password", os.environ["PLAZA_ADMIN_PASSWORD"])
            page.click("main button[type=submit]")
            ids = {"product": first(page, url, "/api/products/"), "order": first(page, url, "/api/orders/")}
            for name, path, summary in PAGES:
                page.goto(url + path.format(**ids), wait_until="networkidle" if name == "docs" else "load")
                if summary:
                    page.locator("main summary", has_text=summary).first.click()
                page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
