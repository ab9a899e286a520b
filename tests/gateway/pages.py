"""HTML as a browser reads it: elements and their attributes."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.http import HttpResponse


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    in_main: bool = False


@dataclass
class Page(HTMLParser):
    elements: list[Element] = field(default_factory=list)
    depth_of_main: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.depth_of_main += tag == "main"
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, in_main=self.depth_of_main > 0))

    def handle_endtag(self, tag: str) -> None:
        self.depth_of_main -= tag == "main"

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
    def main(self) -> "Page":
        """The page without its frame."""
        return Page([element for element in self.elements if element.in_main])

    @property
    def links(self) -> list[str]:
        """Where the page leads to; not its anchors, styles and icons."""
        hrefs = [element.attributes.get("href", "") for element in self.all("a")]
        return [href for href in hrefs if href and not href.startswith("#")]

    @property
    def methods(self) -> set[str]:
        """What its forms do, besides reading. The raw ones don't count: they hold a whole body."""
        return {method for method, _, names in self.forms if "_content" not in names}

    @property
    def forms(self) -> list[tuple[str, str, dict[str, str]]]:
        """Method, path and fields of each form in its main part that writes."""
        found: list[tuple[str, str, dict[str, str]]] = []
        select = ""
        for element in self.main.elements:
            attributes = element.attributes
            if element.tag == "form":
                found.append(("POST" if attributes.get("method") == "post" else "GET", attributes["action"], {}))
            elif found and attributes.get("name") == "_method":
                found[-1] = (attributes["value"], *found[-1][1:])
            elif found and element.tag == "option" and "selected" in attributes:
                found[-1][2][select] = attributes["value"]
            elif found and "name" in attributes and element.tag in ("input", "select", "textarea"):
                select = attributes["name"]
                found[-1][2].setdefault(select, attributes.get("value", element.text))
        return [form for form in found if form[0] != "GET"]


def read(response: HttpResponse) -> Page:
    assert response["Content-Type"] == "text/html; charset=utf-8"
    page = Page()
    page.feed(response.content.decode())
    page.close()
    for element in page.elements:
        element.text = element.text.strip()
    return page
