import signal
import subprocess

from tests.operations.plaza import Plaza, environment, eventually


def write(plaza: Plaza, name: str, text: str) -> None:
    logs = plaza.base() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{name}.log").open("a") as log:
        log.write(text)


def test_all_logs_are_printed_behind_their_names(plaza: Plaza) -> None:
    write(plaza, "users", "one\ntwo\n")
    write(plaza, "gateway", "three\n")
    answer = plaza.run("logs", "--lines", "1")
    assert answer.stdout == "gateway    | three\nusers      | two\n"


def test_one_log_is_printed_as_it_is(plaza: Plaza) -> None:
    write(plaza, "users", "".join(f"{number}\n" for number in range(300)))
    lines = plaza.run("logs", "users").stdout.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (200, "100", "299")


def test_without_logs_the_mend_is_named(plaza: Plaza) -> None:
    answer = plaza.run("logs")
    assert answer.returncode == 1
    assert "start Plaza with `python3 manage_all.py up --data-dir" in answer.stderr


def test_following_goes_on_after_truncation_and_ends_quietly(plaza: Plaza) -> None:
    write(plaza, "users", "a first line\n")
    run = plaza.start("logs", "users", "--follow")
    assert run.stdout is not None
    assert run.stdout.readline() == "a first line\n"
    write(plaza, "users", "second\n")
    assert run.stdout.readline() == "second\n"
    (plaza.base() / "logs/users.log").write_text("third\n")
    assert run.stdout.readline() == "third\n"
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=5) == ("", "")
    assert run.returncode == 0


def test_a_reader_that_stops_early_hears_no_complaint(plaza: Plaza) -> None:
    write(plaza, "users", "a line that fills the pipe\n" * 10_000)
    command = " ".join(plaza.command("logs", "users", "--lines", "10000")) + " | head -n 1"
    answer = subprocess.run(
        command, shell=True, env=environment(plaza.root), capture_output=True, text=True, check=False
    )
    assert (answer.stdout, answer.stderr) == ("a line that fills the pipe\n", "")


def test_the_services_print_into_their_logs(plaza: Plaza) -> None:
    plaza.up()
    eventually(lambda: plaza.run("logs", "relay").stdout == "relay begins\n")
    assert plaza.run("logs", "users").stdout == f"users serves on {plaza.port + 1}\n"
