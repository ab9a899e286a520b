"""What accounts guarantee to any caller, in races too."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import Http404
from rest_framework.exceptions import ErrorDetail, ValidationError

from common.identity import Caller
from tests.support.service import race
from tests.users.accounts import PASSWORD, CheapArgon2PasswordHasher, Register
from users_project.users import services
from users_project.users.models import User
from users_project.users.search import live_users
from users_project.users.services import (
    LastStaffAccount,
    PasswordRequired,
    RoleNotYours,
    UsernameTaken,
    WrongPassword,
)

WEAK = {
    "kx92!ab": ["This password is too short. It must contain at least 8 characters."],
    "password123": ["This password is too common."],
    "86753091124": ["This password is entirely numeric."],
    "ada.lovelace": ["The password is too similar to the username."],
    "1234567": [
        "This password is too short. It must contain at least 8 characters.",
        "This password is too common.",
        "This password is entirely numeric.",
    ],
}


OPERATOR = Caller("operator")


def rows() -> list[dict[str, Any]]:
    return list(User.objects.order_by("pk").values())


def staff(user: User) -> Caller:
    return Caller("gateway", user.pk, is_staff=True)


def demote(user: User, by: User) -> Callable[[], Any]:
    return lambda: services.update_user(user_id=user.pk, by=staff(by), changes={"is_staff": False})


def deactivate(user: User, by: User) -> Callable[[], Any]:
    return lambda: services.update_user(user_id=user.pk, by=staff(by), changes={"is_active": False})


def delete(user: User, by: User) -> Callable[[], Any]:
    return lambda: services.delete_user(user_id=user.pk, by=staff(by))


@pytest.mark.django_db
@pytest.mark.parametrize(("password", "messages"), WEAK.items())
def test_a_weak_password_makes_no_account(password: str, messages: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        services.register_user(username="ada.lovelace", email="a@x.example", password=password)
    assert refused.value.detail == {"password": messages}
    assert not User.objects.exists()


@pytest.mark.parametrize(("password", "messages"), WEAK.items())
def test_a_weak_new_password_changes_nothing(register: Register, password: str, messages: list[str]) -> None:
    user = register("ada.lovelace")
    before = rows()
    with pytest.raises(ValidationError) as refused:
        services.change_password(user_id=user.pk, current_password=PASSWORD, new_password=password)
    assert refused.value.detail == {"new_password": messages}
    assert rows() == before


def test_a_wrong_current_password_changes_nothing(ada: User) -> None:
    before = rows()
    with pytest.raises(ValidationError) as refused:
        services.change_password(user_id=ada.pk, current_password="not-this-one", new_password="another-horse-8")
    expected = ErrorDetail("This is not the current password. Try again.", "wrong-password")
    assert refused.value.detail == {"current_password": [expected]}
    assert rows() == before


def test_a_changed_password_replaces_the_old_one_and_is_a_new_version(ada: User) -> None:
    services.change_password(user_id=ada.pk, current_password=PASSWORD, new_password=" another horse 8 ")
    services.change_password(user_id=ada.pk, current_password=" another horse 8 ", new_password="third-horse-9")
    assert services.verify_credentials(username="ada", password=PASSWORD) is None
    assert services.verify_credentials(username="ada", password=" another horse 8 ") is None
    signed_in = services.verify_credentials(username="ada", password="third-horse-9")
    assert signed_in is not None
    assert signed_in.password_version == 3


@pytest.mark.django_db(transaction=True)
def test_no_lock_is_held_while_a_password_is_hashed(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or whoever guesses passwords would make everybody else's writes wait."""
    hashed: list[bool] = []

    def spy(name: str) -> None:
        hash_password = getattr(CheapArgon2PasswordHasher, name)

        def hash_and_note(*arguments: Any) -> Any:
            hashed.append(connection.in_atomic_block)
            return hash_password(*arguments)

        monkeypatch.setattr(CheapArgon2PasswordHasher, name, hash_and_note)

    spy("encode")
    spy("verify")
    services.change_password(user_id=ada.pk, current_password=PASSWORD, new_password="another-horse-8")
    with pytest.raises(WrongPassword):
        services.change_password(user_id=ada.pk, current_password=PASSWORD, new_password="third-horse-9")
    services.register_user(username="grace", email="g@x.example", password=PASSWORD)
    with pytest.raises(WrongPassword):
        services.delete_user(user_id=ada.pk, by=Caller("gateway", ada.pk), current_password=PASSWORD)
    by, changes = Caller("gateway", ada.pk), {"email": "a@y.example"}
    services.update_user(user_id=ada.pk, by=by, changes=changes, current_password="another-horse-8")
    assert len(hashed) >= 6
    assert not any(hashed)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_change_one_password_at_once_one_succeeds(ada: User) -> None:
    def change(new_password: str) -> Callable[[], Any]:
        return lambda: services.change_password(user_id=ada.pk, current_password=PASSWORD, new_password=new_password)

    outcomes = race(change("another-horse-8"), change("third-horse-9"))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["User", "WrongPassword"]
    assert User.objects.get().password_version == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("names", [("ada", "ada"), ("ada", "ADA"), ("müller", "MÜLLER")])
def test_of_two_who_register_one_name_at_once_one_gets_it(names: tuple[str, str]) -> None:
    def register(name: str) -> Callable[[], Any]:
        return lambda: services.register_user(username=name, email="x@x.example", password=PASSWORD)

    made = race(*(register(name) for name in names))
    assert sorted(type(outcome).__name__ for outcome in made) == ["User", "UsernameTaken"]
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("first", "second"), [(demote, demote), (deactivate, deactivate), (delete, delete), (delete, demote)]
)
def test_of_two_staff_who_remove_each_other_at_once_exactly_one_succeeds(
    register: Register, first: Callable[..., Any], second: Callable[..., Any]
) -> None:
    ada, grace = register("ada", is_staff=True), register("grace", is_staff=True)
    outcomes = race(first(grace, ada), second(ada, grace))
    assert [isinstance(outcome, LastStaffAccount) for outcome in outcomes].count(True) == 1, outcomes
    assert [isinstance(outcome, Exception) for outcome in outcomes].count(True) == 1, outcomes
    assert User.objects.filter(is_staff=True, is_active=True, deleted_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_three_staff_who_remove_one_another_in_a_ring_exactly_one_remains(register: Register) -> None:
    ring = [register(name, is_staff=True) for name in ("ada", "grace", "mary")]
    outcomes = race(*(demote(ring[index], ring[index - 1]) for index in range(3)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastStaffAccount", "User", "User"]
    assert User.objects.filter(is_staff=True, is_active=True).count() == 1


@pytest.mark.parametrize("leave", [demote, deactivate, delete])
def test_the_last_active_staff_account_stays_as_it_is(
    register: Register, grace: User, leave: Callable[..., Any]
) -> None:
    idle = register("idle", is_staff=True, is_active=False)
    gone = register("gone", is_staff=True)
    services.delete_user(user_id=gone.pk, by=staff(grace))
    before = rows()
    with pytest.raises(LastStaffAccount):
        leave(grace, idle)()
    assert rows() == before


@pytest.mark.parametrize("leave", [demote, deactivate, delete])
def test_one_of_two_active_staff_accounts_can_leave(register: Register, grace: User, leave: Callable[..., Any]) -> None:
    leave(grace, register("mary", is_staff=True))()
    assert list(User.objects.filter(is_staff=True, is_active=True).values_list("username", flat=True)) == ["mary"]


@pytest.mark.parametrize("leave", [demote, delete])
def test_an_inactive_staff_account_can_leave_beside_the_last_active_one(
    register: Register, grace: User, leave: Callable[..., Any]
) -> None:
    leave(register("idle", is_staff=True, is_active=False), grace)()
    assert list(User.objects.filter(is_staff=True).values_list("username", flat=True)) == ["grace"]


@pytest.mark.parametrize("leave", [demote, delete])
def test_an_inactive_staff_account_is_nobody_s_last_one(
    register: Register, ada: User, leave: Callable[..., Any]
) -> None:
    leave(register("idle", is_staff=True, is_active=False), ada)()
    assert not User.objects.filter(is_staff=True).exists()


@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_active": False}, {"is_staff": True, "is_active": False}])
def test_a_role_refused_refuses_the_whole_change(ada: User, change: dict[str, bool]) -> None:
    before = rows()
    for by in (Caller("gateway", ada.pk), Caller("gateway", ada.pk, is_staff=True), Caller("gateway")):
        with pytest.raises(RoleNotYours):
            services.update_user(user_id=ada.pk, by=by, changes={"first_name": "Augusta", **change})
    assert rows() == before


def test_an_update_refused_for_its_name_changes_nothing(ada: User, grace: User) -> None:
    before = rows()
    with pytest.raises(UsernameTaken):
        services.update_user(
            user_id=ada.pk, by=staff(grace), changes={"first_name": "Augusta", "is_staff": True, "username": "GRACE"}
        )
    assert rows() == before


def test_a_name_someone_else_took_does_not_stop_a_deletion(register: Register, ada: User) -> None:
    for form in ("deleted-{}", "deleted_{}", "deleted.{}", "deleted@{}", "deleted+{}", "{}"):
        register(form.format(ada.pk))
    services.delete_user(user_id=ada.pk, by=OPERATOR)
    assert not live_users().filter(pk=ada.pk).exists()


def test_a_deleted_account_keeps_its_row_its_id_and_nothing_of_the_person(ada: User) -> None:
    services.delete_user(user_id=ada.pk, by=OPERATOR)
    left = User.objects.get(pk=ada.pk)
    assert (left.email, left.first_name, left.last_name) == ("", "", "")
    assert (left.is_active, left.is_staff, left.has_usable_password()) == (False, False, False)
    assert left.username == f"deleted/{ada.pk}"
    assert left.deleted_at is not None
    assert left.date_joined == ada.date_joined


def test_nothing_can_be_done_with_a_deleted_account(ada: User, grace: User) -> None:
    services.delete_user(user_id=ada.pk, by=OPERATOR)
    before = rows()
    for attempt in (
        delete(ada, grace),
        lambda: services.update_user(user_id=ada.pk, by=staff(grace), changes={"is_active": True}),
        lambda: services.change_password(user_id=ada.pk, current_password=PASSWORD, new_password="another-horse-8"),
    ):
        with pytest.raises(Http404):
            attempt()
    assert services.verify_credentials(username="ada", password=PASSWORD) is None
    assert rows() == before


@pytest.mark.parametrize("username", ["ada", "ADA", "nobody", "idle"])
@pytest.mark.parametrize("forms", [["wrong-horse-7"], ["wröng-horse-7", "wro\u0308ng-horse-7"]])
def test_a_refused_sign_in_spends_a_hash_for_each_form_whoever_is_named(
    register: Register, ada: User, monkeypatch: pytest.MonkeyPatch, username: str, forms: list[str]
) -> None:
    register("idle", is_active=False)
    spent: list[str] = []

    def spend(name: str) -> Callable[..., Any]:
        hash_for_real = getattr(CheapArgon2PasswordHasher, name)

        def counting(self: Any, password: str, *rest: Any) -> Any:
            spent.append(password)
            return hash_for_real(self, password, *rest)

        return counting

    for name in ("encode", "verify"):
        monkeypatch.setattr(CheapArgon2PasswordHasher, name, spend(name))
    assert services.verify_credentials(username=username, password=forms[-1]) is None
    assert sorted(spent) == sorted(forms)


@pytest.mark.parametrize(
    ("username", "spelt"),
    [("ada", "aDA"), ("müller", "MÜLLER"), ("Ωμέγα", "ωμέγα"), ("ada", "ＡＤＡ"), ("josé", "JOSE\u0301")],
)
def test_a_person_is_found_by_any_spelling(register: Register, username: str, spelt: str) -> None:
    user = register(username)
    assert services.verify_credentials(username=spelt, password=PASSWORD) == user
    with pytest.raises(UsernameTaken):
        register(spelt)
    assert User.objects.get().username == username


class TestConfirmingByPassword:
    @pytest.mark.parametrize("is_staff", [False, True])
    def test_a_new_email_of_ones_own_needs_the_current_password(self, ada: User, is_staff: bool) -> None:
        by, before = Caller("gateway", ada.pk, is_staff=is_staff), rows()
        changes = {"email": "countess@x.example", "first_name": "Augusta"}
        with pytest.raises(PasswordRequired) as refused:
            services.update_user(user_id=ada.pk, by=by, changes=changes)
        expected = ErrorDetail("This needs your current password. Enter it.", "required")
        assert refused.value.detail == {"current_password": [expected]}
        for wrong in ("not-this-one", ""):
            with pytest.raises(WrongPassword):
                services.update_user(user_id=ada.pk, by=by, changes=changes, current_password=wrong)
        assert rows() == before
        services.update_user(user_id=ada.pk, by=by, changes=changes, current_password=PASSWORD)
        ada.refresh_from_db()
        assert (ada.email, ada.first_name, ada.password_version) == ("countess@x.example", "Augusta", 1)

    def test_the_same_email_again_needs_no_password(self, ada: User) -> None:
        changes = {"email": ada.email, "first_name": "Augusta"}
        assert (
            services.update_user(user_id=ada.pk, by=Caller("gateway", ada.pk), changes=changes).first_name == "Augusta"
        )

    def test_a_password_that_is_sent_is_checked_even_if_nothing_needs_it(self, ada: User, grace: User) -> None:
        before = rows()
        for user, by in ((ada, Caller("gateway", ada.pk)), (ada, staff(grace))):
            with pytest.raises(WrongPassword):
                services.update_user(user_id=user.pk, by=by, changes={"last_name": "K"}, current_password="a-guess")
        with pytest.raises(WrongPassword):
            services.delete_user(user_id=ada.pk, by=staff(grace), current_password="a-guess")
        assert rows() == before

    def test_staff_change_the_email_of_others_without_a_password(self, ada: User, grace: User) -> None:
        changed = services.update_user(user_id=ada.pk, by=staff(grace), changes={"email": "a@y.example"})
        assert changed.email == "a@y.example"

    def test_ones_own_account_is_deleted_with_the_current_password_only(self, ada: User) -> None:
        by, before = Caller("gateway", ada.pk), rows()
        with pytest.raises(PasswordRequired):
            services.delete_user(user_id=ada.pk, by=by)
        with pytest.raises(WrongPassword):
            services.delete_user(user_id=ada.pk, by=by, current_password="not-this-one")
        assert rows() == before
        services.delete_user(user_id=ada.pk, by=by, current_password=PASSWORD)
        assert not live_users().exists()
