import json
import re

from common.settings import ROOT
from gateway_project.status.texts import TEXTS

SCRIPT = (ROOT / "gateway_project/status/static/status/status.js").read_text()


def test_the_script_says_these_texts_and_no_other() -> None:
    said = {json.loads(text) for text in re.findall(r'\bsay\(\s*("(?:[^"\\]|\\.)*")', SCRIPT)}
    assert said == set(TEXTS)
