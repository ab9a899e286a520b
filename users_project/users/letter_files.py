"""Letters as files that only their owner may read, since they hold links that open an account."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends import filebased


class PrivateFiles(filebased.EmailBackend):
    stream: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        folder = kwargs.get("file_path") or getattr(settings, "EMAIL_FILE_PATH")  # noqa: B009 - the stubs lack it
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(*args, **kwargs)

    def open(self) -> bool:
        if self.stream is not None:
            return False
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY
        self.stream = os.fdopen(os.open(self._get_filename(), flags, 0o600), "ab")  # type: ignore[attr-defined]
        return True
