import pytest

from operations.databases import environment
from operations.layout import System
from tests.operations.fake_plaza import FakePlaza


def test_a_new_password_is_printed_last_after_the_sessions_have_ended(plaza: FakePlaza) -> None:
    answer = plaza.run("admin-password")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "Sessions ended of 7: 2\nThe new password of admin: hunter3\n"
    assert plaza.run("admin-password", "ada").stdout.endswith("The new password of ada: hunter3\n")


def test_a_chosen_password_is_handed_to_the_one_command_that_sets_it(plaza: FakePlaza) -> None:
    answer = plaza.run("admin-password", PLAZA_ADMIN_PASSWORD="long and odd")
    assert answer.stdout.endswith("The new password of admin: long and odd\n")


def test_the_running_system_s_databases_count_and_not_the_caller_s(
    plaza: FakePlaza, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plaza.try_up(ORDERS_DATABASE_URL="postgresql://running").returncode == 0
    monkeypatch.setenv("USERS_DATABASE_URL", "postgresql://caller")
    monkeypatch.setenv("ORDERS_DATABASE_URL_FILE", "/nowhere")
    chosen = environment(System(plaza.data_dir))
    assert (chosen["USERS_DATABASE_URL"], chosen["ORDERS_DATABASE_URL"]) == ("", "postgresql://running")
    assert "ORDERS_DATABASE_URL_FILE" not in chosen


def test_it_is_not_lost_if_the_sessions_can_not_be_ended(plaza: FakePlaza) -> None:
    answer = plaza.run("admin-password", FAKE_GATEWAY="broken")
    assert answer.returncode == 1
    assert answer.stdout == "The new password of admin: hunter3\n"
    assert "end_sessions` failed with exit code 1" in answer.stderr
