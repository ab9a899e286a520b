from pathlib import Path

import pytest

from operations import translations


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose code and template say one thing each."""
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    root = tmp_path / "shop"
    (root / "templates").mkdir(parents=True)
    (root / "views.py").write_text('text = _("%(count)d left.") % {"count": 2}\n')
    (root / "templates/page.html").write_text('{% load i18n %}\n  <p>{% translate "Sign in" %}</p>\n')
    translations.update("shop", "es")
    return root


def translate(package: Path, text: str, translation: str) -> None:
    path = translations.po_path(package.name, "es")
    path.write_text(path.read_text().replace(f'msgid "{text}"\nmsgstr ""', f'msgid "{text}"\nmsgstr "{translation}"'))


def test_texts_of_code_and_templates_wait_for_their_translation(package: Path) -> None:
    found = [fault.partition(": ")[2] for fault in translations.faults("shop", "es")]
    assert found == ["'%(count)d left.' is not translated", "'Sign in' is not translated"]


def test_a_translation_is_kept_and_compiled_when_the_code_changes(package: Path) -> None:
    translate(package, "Sign in", "Iniciar sesión")
    (package / "views.py").write_text("")
    translations.update("shop", "es")
    assert list(translations.faults("shop", "es")) == []
    assert "Iniciar sesión".encode() in translations.po_path("shop", "es").with_suffix(".mo").read_bytes()


def test_another_placeholder_in_the_translation_is_a_fault(package: Path) -> None:
    translate(package, "Sign in", "Iniciar sesión")
    translate(package, "%(count)d left.", "Quedan %(cuenta)d.")
    translations.update("shop", "es")
    where = "shop/locale/es/LC_MESSAGES/django.po"
    expected = f"{where}: '%(count)d left.' has other placeholders in its translation"
    assert list(translations.faults("shop", "es")) == [expected]


def test_what_is_new_gone_or_not_compiled_is_a_fault(package: Path) -> None:
    translate(package, "Sign in", "Iniciar sesión")
    (package / "views.py").write_text('text = _("New")\n')
    assert [fault.rpartition("/")[2] for fault in translations.faults("shop", "es")] == [
        "django.po lacks 'New'",
        "django.po has '%(count)d left.', which nothing says",
        "django.po: '%(count)d left.' is not translated",
        "django.mo is not compiled from its .po",
    ]


@pytest.mark.parametrize("package", translations.PACKAGES)
def test_all_that_plaza_says_is_translated(package: str) -> None:
    assert [fault for language in translations.LANGUAGES for fault in translations.faults(package, language)] == []
