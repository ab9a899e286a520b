import ast
import shutil
import subprocess
import sys
from pathlib import Path

from operations.layout import ROOT
from tests.operations.plaza import Plaza, environment, make_repository

PRETEND = """
import runpy, sys
sys.version_info = {version}
runpy.run_path("manage_all.py", run_name="__main__")
"""


def test_the_entry_point_is_read_by_an_old_python() -> None:
    ast.parse((ROOT / "manage_all.py").read_text(), feature_version=(3, 4))


def test_an_old_python_gets_one_sentence_that_names_the_mend() -> None:
    command = [sys.executable, "-c", PRETEND.format(version=(3, 10, 4))]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("Plaza needs Python 3.11 or newer")
    assert answer.stderr.count("\n") == 1


def test_help_needs_no_packages(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "plaza")
    for arguments in (["--help"], ["up", "--help"], ["test", "--help"]):
        command = [sys.executable, str(root / "manage_all.py"), *arguments]
        answer = subprocess.run(command, env=environment(root), capture_output=True, text=True, check=False)
        assert (answer.returncode, answer.stderr) == (0, "")
    assert not (root / ".venv").exists()


def test_a_command_whose_files_are_missing_is_not_offered(plaza: Plaza) -> None:
    answer = plaza.run("bench")
    assert answer.returncode == 2
    assert "invalid choice: 'bench'" in answer.stderr


def test_bench_reads_its_own_options(plaza: Plaza) -> None:
    benchmarks = plaza.root / "benchmarks"
    benchmarks.mkdir()
    (benchmarks / "__main__.py").write_text("import sys; print(sys.argv[1:])")
    answer = Plaza(plaza.root, None).run("bench", "--help", "--seconds", "5")
    shutil.rmtree(benchmarks)
    assert answer.stdout == "['--help', '--seconds', '5']\n"


def test_an_unknown_option_is_refused(plaza: Plaza) -> None:
    answer = plaza.run("down", "--hard")
    assert answer.returncode == 2
    assert answer.stderr.endswith("unrecognized arguments: --hard\n")
