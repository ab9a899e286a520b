import json
import stat
from pathlib import Path

from tests.operations.fake_plaza import FakePlaza


def test_all_projects_are_asked_and_make_one_document(plaza: FakePlaza) -> None:
    answer = plaza.run("export-user", "ada")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout) == {
        "users": {"accounts": [{"id": "7", "given": "ada"}]},
        **{name: {"of": "7"} for name in ("gateway", "products", "orders")},
    }


def test_a_file_is_private(plaza: FakePlaza, tmp_path: Path) -> None:
    answer = plaza.run("export-user", "ada", "--output", str(tmp_path / "ada.json"))
    assert (answer.returncode, answer.stdout) == (0, "")
    assert json.loads((tmp_path / "ada.json").read_text())["orders"] == {"of": "7"}
    assert stat.S_IMODE((tmp_path / "ada.json").stat().st_mode) == 0o600
    assert "can't be written" in plaza.run("export-user", "ada", "--output", "/nowhere/ada.json").stderr


def test_what_a_project_says_against_it_is_shown(plaza: FakePlaza) -> None:
    answer = plaza.run("export-user", "ada", FAKE_USERS="broken")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("There is no account")
