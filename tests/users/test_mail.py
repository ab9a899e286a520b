"""EMAIL_URL, read strictly."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from users_project.mail import BACKENDS, FILES, Mail, mail_from_environment


@pytest.fixture(autouse=True)
def _data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAZA_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("EMAIL_URL", raising=False)


def read(monkeypatch: pytest.MonkeyPatch, text: str, *, to_console: bool = False) -> Mail:
    monkeypatch.setenv("EMAIL_URL", text)
    return mail_from_environment(to_console=to_console)


def test_letters_are_files_in_the_data_directory(tmp_path: Path) -> None:
    found = mail_from_environment(to_console=False)
    assert found == Mail(FILES, str(tmp_path / "mail"))


def test_while_developing_they_are_printed() -> None:
    assert mail_from_environment(to_console=True) == Mail(f"{BACKENDS}.console.EmailBackend")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("console:", Mail(f"{BACKENDS}.console.EmailBackend")),
        ("file:///var/mail/plaza", Mail(FILES, "/var/mail/plaza")),
        ("smtp://127.0.0.1", Mail(f"{BACKENDS}.smtp.EmailBackend", host="127.0.0.1", port=25)),
        (
            "smtp+tls://me%40x:a%2Fb@mail.example",
            Mail(f"{BACKENDS}.smtp.EmailBackend", None, "mail.example", 587, "me@x", "a/b", starts_tls=True),
        ),
        (
            "smtps://me:s@mail.example:4465/",
            Mail(f"{BACKENDS}.smtp.EmailBackend", None, "mail.example", 4465, "me", "s", is_tls=True),
        ),
    ],
)
def test_each_kind_of_url(text: str, expected: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, text, to_console=True) == expected


@pytest.mark.parametrize(
    "text",
    [
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://x:secret@mail.example/path",
        "smtp://x:secret@mail.example?tls=1",
        "smtp://x:secret@mail.example:port",
        "smtp://x:secret@mail.example:70000",
        "file://mail",
        "file:mail",
    ],
)
def test_anything_else_is_refused_without_its_password(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(monkeypatch, text)
    assert "secret" not in str(caught.value)
    assert "smtp+tls://" in str(caught.value)
