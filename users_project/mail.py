"""How the users service sends e-mail: by EMAIL_URL, else as files under the data directory."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from common.settings import env, state_path

BACKENDS = "django.core.mail.backends"
FILES = "users_project.users.letter_files.PrivateFiles"
EXAMPLE = "smtp+tls://name:password@mail.example:587"
PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Mail:
    """What Django's EMAIL_… settings are called here."""

    backend: str
    folder: str | None = None
    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starts_tls: bool = False
    is_tls: bool = False


def mail_from_environment(*, to_console: bool) -> Mail:
    """EMAIL_URL: smtp://, smtp+tls:// (STARTTLS), smtps://, file:///folder or console:. Without it, files or console.

    Raises:
        ImproperlyConfigured: without what was given, which may hold a password.
    """
    text = env("EMAIL_URL")
    if text == "console:" or (not text and to_console):
        return Mail(f"{BACKENDS}.console.EmailBackend")
    if not text:
        return Mail(FILES, str(state_path() / "mail"))
    try:
        return _read(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"EMAIL_URL takes console:, file:///folder or a server, as in {EXAMPLE}.") from error


def _read(text: str) -> Mail:
    """Raises `ValueError`."""
    parts = urlsplit(text)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return Mail(FILES, unquote(parts.path))
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("it is no server")
    return Mail(
        f"{BACKENDS}.smtp.EmailBackend",
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starts_tls=parts.scheme == "smtp+tls",
        is_tls=parts.scheme == "smtps",
    )
