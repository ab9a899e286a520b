"""Reads exchanges as JSON lines and writes what httplint warns of, as JSON lines. Runs in an environment of its own."""

import base64
import json
import sys

from httplint import HttpRequestLinter, HttpResponseLinter
from httplint.note import levels


def lint(exchange):
    request = HttpRequestLinter()
    method, url = exchange["method"].encode(), exchange["url"].encode()
    request.process_request_topline(method, url, b"1.1")
    request.process_headers([(name.encode(), value.encode("latin-1")) for name, value in exchange["sent"]])
    request.finish_content(True)
    response = HttpResponseLinter(start_time=exchange["at"])
    response.is_head_response = exchange["method"] == "HEAD"
    response.request = request
    response.process_response_topline(b"1.1", str(exchange["status"]).encode(), exchange["reason"].encode())
    response.process_headers([(name.encode(), value.encode("latin-1")) for name, value in exchange["headers"]])
    if exchange["body"]:
        response.feed_content(base64.b64decode(exchange["body"]))
    response.finish_content(True)
    for note in response.notes:
        if note.level in (levels.WARN, levels.BAD):
            yield {
                "exchange": exchange["name"],
                "note": type(note).__name__,
                "field": note.subject,
                "says": str(note.summary),
            }


for line in sys.stdin:
    for found in lint(json.loads(line)):
        print(json.dumps(found))
