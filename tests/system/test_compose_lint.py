"""dclint's recommended rules, but for those that `clients/dclint.yaml` turns off with a reason."""

import pytest

from operations.layout import ROOT
from tests.system.packages import SOURCES, node_modules, run

pytestmark = pytest.mark.clients


def test_dclint_finds_nothing_in_the_compose_file() -> None:
    program = node_modules() / "node_modules/.bin/dclint"
    run(program, "--config", SOURCES / "dclint.yaml", "--max-warnings", "0", ROOT / "docker-compose.yml")
