from pathlib import Path

import pytest

from common.server.trial import Trial


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("import sys; assert sys.argv[1:] == ['check']; print('System check identified no issues')", ""),
        ("import os; 'PROMETHEUS_MULTIPROC_DIR' in os.environ or print('System check identified some issues')", ""),
        ("raise ValueError('no')", "ValueError: no"),
        ("import sys; sys.exit('System check identified some issues:\\nbad')", "bad"),
        ("", "no reason given"),
    ],
)
def test_new_code_is_tried_before_it_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, failure: str
) -> None:
    (tmp_path / "manage.py").write_text(script)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "somewhere")
    trial = Trial(str(tmp_path / "manage.py"))
    trial._process.wait()
    assert trial.is_over()
    assert trial.failure() == failure
    trial.end()


def test_a_trial_that_takes_too_long_has_failed(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("import time; time.sleep(60)")
    trial = Trial(str(tmp_path / "manage.py"))
    assert not trial.is_over()
    trial._give_up_at = 0
    assert trial.is_over()
    assert trial.failure()
    trial.end()
