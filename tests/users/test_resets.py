"""A new password for who has forgotten theirs: the request, the letter, and the link's one use."""

import re
import smtplib
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.utils import timezone

from common.identity import Caller
from tests.support.plans import planned
from tests.support.service import ServiceClient, faults, problem
from tests.users.accounts import PASSWORD, Client, Register
from users_project.mail import FILES
from users_project.users import postman as postmen, resets
from users_project.users.models import ResetRequest, User
from users_project.users.postman import Postman, postman, send_due
from users_project.users.resets import tokens
from users_project.users.services import change_password, delete_user, find_user

NEW = "violet-harbour-9"
ASK, CONFIRM, CHECK = "/auth/password-reset/", "/auth/password-reset/confirm/", "/password-resets/"
LINK = re.compile(r"http://127\.0\.0\.1:8000/password-reset/([0-9a-f-]{36})/([a-z0-9]+-[0-9a-f]+)/")


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How often the postman was woken. Tests send by themselves."""
    calls: list[bool] = []
    monkeypatch.setattr(Postman, "wake", lambda self: calls.append(True))
    return calls


@pytest.fixture
def caller(client: Client) -> ServiceClient:
    return client()


def ask(caller: ServiceClient, account: str, language: str = "en") -> Any:
    return caller.post(ASK, {"account": account}, headers={"Accept-Language": language})


def link_in(letter: Any) -> dict[str, str]:
    [(user_id, token)] = LINK.findall(letter.body)
    return {"user_id": user_id, "token": token}


def letter_for(caller: ServiceClient, account: str) -> dict[str, str]:
    ask(caller, account)
    send_due()
    return link_in(mail.outbox[-1])


class TestAsking:
    def test_letters_in_files_are_for_their_owner_alone(
        self, caller: ServiceClient, ada: User, settings: Any, tmp_path: Path
    ) -> None:
        settings.EMAIL_BACKEND = FILES
        settings.EMAIL_FILE_PATH = str(tmp_path / "data" / "mail")
        ask(caller, "ada")
        assert send_due() == 1
        assert (tmp_path / "data" / "mail").stat().st_mode & 0o777 == 0o700
        [letter] = (tmp_path / "data" / "mail").iterdir()
        assert letter.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("account", ["ada", "ADA", "ada@x.example", "Ada@X.example", " ada "])
    def test_a_letter_goes_to_the_account_by_name_or_address(
        self, account: str, caller: ServiceClient, ada: User, woken: list[bool]
    ) -> None:
        response = ask(caller, account)
        assert (response.status_code, response.content, woken) == (204, b"", [True])
        assert send_due() == 1
        [letter] = mail.outbox
        assert (letter.to, letter.from_email) == (["ada@x.example"], "Plaza <plaza@localhost>")
        assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
        assert link_in(letter)["user_id"] == str(ada.pk)
        assert "for 60 minutes" in letter.body
        assert ResetRequest.objects.count() == 0

    def test_the_answer_and_its_work_are_the_same_for_nobody(
        self, caller: ServiceClient, ada: User, django_assert_num_queries: Any
    ) -> None:
        for account in ("ada", "nobody", "ada@x.example", "nobody@x.example"):
            with django_assert_num_queries(1):
                response = ask(caller, account)
            assert (response.status_code, response.content) == (204, b"")
        assert sorted(row.account for row in ResetRequest.objects.all())[-1] == "nobody@x.example"
        assert send_due() == 4
        assert len(mail.outbox) == 2

    def test_inactive_and_deleted_accounts_get_none(self, caller: ServiceClient, register: Register) -> None:
        register("ina", is_active=False)
        gone = register("gone")
        delete_user(user_id=gone.pk, by=Caller("gateway", None, is_staff=True))
        for account in ("ina", "ina@x.example", "gone", "gone@x.example", f"deleted/{gone.pk}"):
            ask(caller, account)
        send_due()
        assert mail.outbox == []

    def test_accounts_of_one_address_share_a_letter(self, caller: ServiceClient, register: Register) -> None:
        one, two = register("one", email="we@x.example"), register("two", email="we@x.example")
        ask(caller, "we@x.example")
        send_due()
        [letter] = mail.outbox
        assert {user_id for user_id, _token in LINK.findall(letter.body)} == {str(one.pk), str(two.pk)}

    def test_a_name_that_is_anothers_address_opens_nothing(self, caller: ServiceClient, register: Register) -> None:
        victim = register("victim", email="v@x.example")
        thief = register("v@x.example", email="thief@x.example")
        ask(caller, "v@x.example")
        send_due()
        found = {letter.to[0]: link_in(letter)["user_id"] for letter in mail.outbox}
        assert found == {"v@x.example": str(victim.pk), "thief@x.example": str(thief.pk)}

    @pytest.mark.parametrize(("body", "pointer"), [({}, "/account"), ({"account": ""}, "/account")])
    def test_nothing_is_nobody(self, caller: ServiceClient, body: dict[str, str], pointer: str) -> None:
        assert [where for where, _code in faults(caller.post(ASK, body))] == [pointer]

    def test_accounts_are_found_by_indexes(self, caller: ServiceClient, ada: User) -> None:
        with planned() as plans:
            list(resets.accounts_of("ada@x.example"))
        [plan] = plans
        assert "users_by_email" in plan or connection.vendor != "sqlite"


class TestLinks:
    def test_it_sets_a_new_password_once(self, caller: ServiceClient, ada: User) -> None:
        link = letter_for(caller, "ada")
        assert caller.post(CHECK, link).json()["user"]["username"] == "ada"
        assert caller.post(CONFIRM, link | {"new_password": NEW}).status_code == 204
        changed = User.objects.get()
        assert (changed.check_password(NEW), changed.password_version) == (True, 2)
        problem(caller.post(CONFIRM, link | {"new_password": PASSWORD}), 404, "reset-link-invalid")
        assert caller.post(CHECK, link).json() == {"user": None}
        assert User.objects.get().check_password(NEW)

    def test_a_weak_password_leaves_the_link_as_it_was(self, caller: ServiceClient, ada: User) -> None:
        link = letter_for(caller, "ada")
        for weak in ("kx92!", "12345678901", "ada@x.example", "lovelace1"):
            assert faults(caller.post(CONFIRM, link | {"new_password": weak}))[0][0] == "/new_password"
        assert caller.post(CONFIRM, link | {"new_password": NEW}).status_code == 204

    @pytest.mark.parametrize("change", ["password", "email", "inactive", "deleted"])
    def test_what_happened_since_ends_it(self, change: str, caller: ServiceClient, ada: User) -> None:
        link = letter_for(caller, "ada")
        if change == "password":
            change_password(user_id=ada.pk, current_password=PASSWORD, new_password="yet-another-7")
        elif change == "deleted":
            delete_user(user_id=ada.pk, by=Caller("gateway", None, is_staff=True))
        else:
            User.objects.update(**({"email": "new@x.example"} if change == "email" else {"is_active": False}))
        before = User.objects.values().get()
        problem(caller.post(CONFIRM, link | {"new_password": NEW}), 404, "reset-link-invalid")
        assert User.objects.values().get() == before

    def test_of_two_uses_at_once_one_counts(
        self, caller: ServiceClient, ada: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link = letter_for(caller, "ada")
        User.objects.filter(pk=ada.pk).update(password_version=5)
        monkeypatch.setattr(resets, "find_holder", lambda **_link: ada)  # as it was read before the other use
        problem(caller.post(CONFIRM, link | {"new_password": NEW}), 404, "reset-link-invalid")
        assert User.objects.get().check_password(PASSWORD)

    def test_it_expires(self, caller: ServiceClient, ada: User, settings: Any) -> None:
        link = letter_for(caller, "ada")
        settings.PASSWORD_RESET_TIMEOUT = -1
        problem(caller.post(CONFIRM, link | {"new_password": NEW}), 404, "reset-link-invalid")

    def test_one_of_somebody_else_or_made_up_opens_nothing(self, caller: ServiceClient, ada: User, grace: User) -> None:
        link = letter_for(caller, "ada")
        for forged in (
            {"user_id": str(grace.pk), "token": link["token"]},
            {"user_id": str(ada.pk), "token": tokens.make_token(grace)},
            {"user_id": str(ada.pk), "token": "x"},
            {"user_id": "01890a5d-ac96-774b-bcce-b302099a8057", "token": link["token"]},
        ):
            problem(caller.post(CONFIRM, forged | {"new_password": NEW}), 404, "reset-link-invalid")
        assert all(user.check_password(PASSWORD) for user in User.objects.all())


class FailingBackend(BaseEmailBackend):
    asked = 0

    def send_messages(self, messages: Any) -> int:
        FailingBackend.asked += 1
        raise ConnectionRefusedError


class RefusingBackend(BaseEmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({})


class TestThePostman:
    def test_a_letter_waits_for_the_mail_server(self, caller: ServiceClient, ada: User, settings: Any) -> None:
        backend = settings.EMAIL_BACKEND
        settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"
        FailingBackend.asked = 0
        ask(caller, "ada")
        ask(caller, "ada@x.example")
        assert (send_due(), FailingBackend.asked) == (0, 1)  # who fails is not asked again at once
        rows = list(ResetRequest.objects.order_by("attempts"))
        assert [row.attempts for row in rows] == [0, 1]
        assert rows[1].due_at > timezone.now()
        settings.EMAIL_BACKEND = backend
        assert send_due() == 1
        ResetRequest.objects.update(due_at=timezone.now())
        assert send_due() == 1
        assert len(mail.outbox) == 2

    def test_it_waits_longer_each_time_and_not_for_ever(self, caller: ServiceClient, ada: User, settings: Any) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"
        ask(caller, "ada")
        waits = []
        for _attempt in range(6):
            ResetRequest.objects.update(due_at=timezone.now())
            send_due()
            waits.append(round((ResetRequest.objects.get().due_at - timezone.now()) / timedelta(minutes=1)))
        assert waits == [1, 2, 4, 8, 15, 15]
        ResetRequest.objects.update(created_at=timezone.now() - timedelta(hours=2), due_at=timezone.now())
        send_due()
        assert ResetRequest.objects.count() == 0

    def test_an_address_that_nobody_takes_keeps_no_other_letter_back(
        self, caller: ServiceClient, ada: User, grace: User, settings: Any
    ) -> None:
        User.objects.filter(pk=ada.pk).update(email="ada\n@x.example")  # of before addresses were checked
        ask(caller, "ada")
        ask(caller, "grace")
        assert send_due() == 2
        assert [letter.to for letter in mail.outbox] == [[grace.email]]
        settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
        ask(caller, "grace")
        assert send_due() == 1
        assert not ResetRequest.objects.exists()

    def test_what_another_process_has_claimed_is_left_to_it(
        self, caller: ServiceClient, ada: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ask(caller, "ada")
        stale = list(resets.due_requests())
        assert send_due() == 1
        monkeypatch.setattr(postmen, "due_requests", lambda: stale)
        assert send_due() == 0
        assert len(mail.outbox) == 1

    def test_a_letter_speaks_the_language_of_who_asked(self, caller: ServiceClient, ada: User) -> None:
        ask(caller, "ada", "es")
        assert ResetRequest.objects.get().language == "es"
        send_due()
        assert LINK.search(str(mail.outbox[0].body))


def test_nothing_unforeseen_ends_the_postman_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the postman is the real one here
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    looked = threading.Semaphore(0)

    def fail() -> int:
        looked.release()
        raise ZeroDivisionError

    monkeypatch.setattr(postmen, "send_due", fail)
    one = Postman()
    for _ in range(2):
        one.wake()
        assert looked.acquire(timeout=20)
        assert one._thread is not None
        one._thread.join(20)


@pytest.mark.django_db(transaction=True)
def test_a_slow_mail_server_keeps_nobody_waiting(
    client: Client, register: Register, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The letter is sent by a thread; the answer comes while the server still says nothing."""
    register("ada")
    monkeypatch.undo()  # the postman is the real one here
    settings.PASSWORD_HASHERS = ["tests.users.accounts.CheapArgon2PasswordHasher"]
    entered, released, sent = threading.Event(), threading.Event(), threading.Event()

    class SlowConnection:
        def send_messages(self, messages: Any) -> int:
            entered.set()
            assert released.wait(20)
            sent.set()
            return len(messages)

    monkeypatch.setattr(postmen, "get_connection", SlowConnection)
    assert ask(client(), "ada").status_code == 204
    assert entered.wait(20)
    assert not sent.is_set()
    assert ask(client(), "nobody").status_code == 204
    released.set()
    assert sent.wait(20)
    for _attempt in range(200):
        if not ResetRequest.objects.exists():
            break
        threading.Event().wait(0.05)
    assert not ResetRequest.objects.exists()
    assert find_user(User.objects.get().pk)
    assert postman._thread is not None
    assert postman._thread.daemon
