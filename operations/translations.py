"""The catalogues of translations, in `locale/` of common and of each project: `python -m operations.translations`.

Collects what code and templates mark with `gettext` and `{% translate %}`, brings the `.po` files in step, which people
edit, and compiles them to the `.mo` files, which Django reads. `--check` only says what is missing.
"""

import argparse
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from .layout import ROOT, SERVERS

PACKAGES = ("common", *(server.project for server in SERVERS))
LANGUAGES = ("es",)
KEYWORDS: Mapping[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
UNSTABLE_HEADERS = (
    '"POT-Creation-Date',
    '"PO-Revision-Date',
    '"Generated-By',
    '"Project-Id',
    '"Report-Msgid',
    '"Last-T',
)


def marked(package: str) -> Catalog:
    """What `package` marks for translation, without translations."""
    catalog = Catalog(fuzzy=False)
    for path in sorted((ROOT / package).rglob("*")):
        if path.suffix not in (".py", ".html") or "migrations" in path.parts:
            continue
        source = path.read_text()
        if path.suffix == ".html":
            source = _as_code(source, str(path))
        for _line, message, _comments, context in extract("python", io.BytesIO(source.encode()), KEYWORDS):
            catalog.add(message, context=context)
    return catalog


def _as_code(template: str, path: str) -> str:
    """Django's way to let a reader of code read a template. Its indentation means nothing."""
    return "\n".join(line.lstrip() for line in templatize(template, origin=path).splitlines())


def po_path(package: str, language: str) -> Path:
    return ROOT / package / "locale" / language / "LC_MESSAGES" / "django.po"


def known(package: str, language: str) -> Catalog:
    path = po_path(package, language)
    if not path.exists():
        return Catalog(locale=language, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def is_compiled(package: str, language: str) -> bool:
    """Whether the `.mo` file says what the `.po` file says. Their headers, which hold the time, don't matter."""
    path = po_path(package, language).with_suffix(".mo")
    if not path.exists():
        return False
    with path.open("rb") as file:
        there = read_mo(file)
    return _by_key(there) == {key: text for key, text in _by_key(known(package, language)).items() if any(text)}


def _by_key(catalog: Catalog) -> dict[object, tuple[str, ...]]:
    texts = [(message, message.string) for message in _texts(catalog)]
    return {
        (message.id if isinstance(message.id, str) else tuple(message.id), message.context): (
            (str(string),) if isinstance(string, str) else tuple(map(str, string or ()))
        )
        for message, string in texts
    }


def compiled(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def update(package: str, language: str) -> None:
    """Bring the two files of `package` in step with its code. New texts come in empty, and those gone are dropped."""
    catalog = known(package, language)
    catalog.update(marked(package), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    path = po_path(package, language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_written(catalog))
    if not is_compiled(package, language):
        path.with_suffix(".mo").write_bytes(compiled(known(package, language)))


def _written(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    catalog.header_comment = ""
    write_po(buffer, catalog, no_location=True, sort_output=True, width=116)
    lines = buffer.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(UNSTABLE_HEADERS)).encode()


def faults(package: str, language: str) -> Iterator[str]:
    """What keeps the catalogue from being complete and in step, a line each."""
    catalog = known(package, language)
    wanted = {(message.id, message.context) for message in _texts(marked(package))}
    there = {(message.id, message.context): message for message in _texts(catalog)}
    where = po_path(package, language).relative_to(ROOT)
    for key in sorted(wanted - there.keys(), key=str):
        yield f"{where} lacks {key[0]!r}"
    for key in sorted(there.keys() - wanted, key=str):
        yield f"{where} has {key[0]!r}, which nothing says"
    for message in there.values():
        yield from (f"{where}: {fault}" for fault in _faults_of(message))
    if there and not is_compiled(package, language):
        yield f"{where.with_suffix('.mo')} is not compiled from its .po"


def _texts(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _faults_of(message: Message) -> Iterator[str]:
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    originals = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    if message.fuzzy or not all(texts):
        yield f"{originals[0]!r} is not translated"
    elif any(_placeholders([str(text)]) - _placeholders(originals) for text in texts):
        yield f"{originals[0]!r} has other placeholders in its translation"


def _placeholders(texts: Iterable[str]) -> set[str]:
    return {found for text in texts for found in PLACEHOLDER.findall(text)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="operations.translations", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if something is missing")
    if not parser.parse_args(arguments).check:
        for package in PACKAGES:
            for language in LANGUAGES:
                update(package, language)
    found = [fault for package in PACKAGES for language in LANGUAGES for fault in faults(package, language)]
    print("\n".join(found) or "All texts are translated.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
