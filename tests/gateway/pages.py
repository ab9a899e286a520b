"""HTML as a browser reads it: elements and their attributes."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.http import HttpResponse


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1].text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        return [
            element
            for element in self.elements
            if element.tag == tag and attributes.items() <= element.attributes.items()
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        [element] = self.all(tag, **attributes)
        return element

    @property
    def links(self) -> list[str]:
        """Where the page leads to; not its anchors, styles and icons."""
        hrefs = [element.attributes.get("href", "") for element in self.all("a")]
        return [href for href in hrefs if href and not href.startswith("#")]

    @property
    def methods(self) -> set[str]:
        """What its buttons do, besides reading."""
        titles = [button.attributes.get("title", "") for button in self.all("button")]
        methods = [re.match(r"Make an? (\w+) request", title) for title in titles]
        return {method[1] for method in methods if method} - {"OPTIONS", "GET"}


def read(response: HttpResponse) -> Page:
    assert response["Content-Type"] == "text/html; charset=utf-8"
    page = Page()
    page.feed(response.content.decode())
    page.close()
    for element in page.elements:
        element.text = element.text.strip()
    return page
