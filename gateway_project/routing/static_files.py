"""Scripts, styles and images, each under a name with a fingerprint of its content, for ever, and under its plain name.

Nothing is collected: the files stay in their apps.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.middleware import WhiteNoiseMiddleware

LENGTH = 12


class FingerprintedStorage(StaticFilesStorage):
    """What `{% static %}` asks for addresses."""

    def url(self, name: str | None) -> str:
        return super().url(_fingerprinted(name) if name else name)


class FingerprintedFilesMiddleware(WhiteNoiseMiddleware):
    """Serves each file under both names. What has its fingerprint in its name is fresh for ever."""

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
        name = url.removeprefix(self.static_prefix)
        super().add_file_to_dictionary(self.static_prefix + _fingerprinted(name), path, stat_cache=stat_cache)

    def candidate_paths_for_url(self, url: str) -> Iterator[str]:
        """Without a dictionary of files, as in tests."""
        yield from super().candidate_paths_for_url(url)
        plain = self.get_name_without_hash(url)
        if self.immutable_file_test("", url):
            yield from super().candidate_paths_for_url(plain)


@cache
def _fingerprinted(name: str) -> str:
    """`plaza/plaza.css` as `plaza/plaza.0123456789ab.css`. A name that no file has stays as it is."""
    found = finders.find(name)
    if not found or Path(found).is_dir():
        return name
    digest = hashlib.sha256(Path(found).read_bytes()).hexdigest()[:LENGTH]
    stem, dot, extension = name.rpartition(".")
    return f"{stem}.{digest}{dot}{extension}" if dot else name
