"""Stands in for each project's `manage.py`: small, quick, and able to misbehave.

`FAKE_<PROJECT>` says how: `crash` (serve ends at once), `mute` (never ready), `broken` (migrate fails).
As gunicorn does, `serve` forks a worker that holds the listening socket and may outlive its master.
"""

# ruff: noqa: T201
import os
import signal
import sys
import time

PROJECT = os.path.basename(os.path.dirname(os.path.abspath(__file__))).removesuffix("_project")
FAULT = os.environ.get(f"FAKE_{PROJECT.upper()}", "")


def serve(port: int) -> None:
    import json  # both only here, since the other commands are over sooner without them
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen = {"environment": dict(os.environ), "arguments": sys.argv[1:], "worker": os.getpid()}
            self.send_response(503 if FAULT == "mute" and self.path == "/health/ready" else 200)
            self.end_headers()
            self.wfile.write(json.dumps(seen).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", port), Handler)
    worker = os.fork()
    if worker == 0:
        server.serve_forever()
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(worker, signal.SIGKILL))
    print(f"{PROJECT} serves on {port}")
    os.waitpid(worker, 0)


def main(command: str, arguments: list[str]) -> None:
    if command == "serve":
        if FAULT == "crash":
            sys.exit(f"{PROJECT} lacks its key")
        serve(int(arguments[1]))
    elif command == "relay":
        print("relay begins")
        time.sleep(3600)
    elif command == "migrate" and FAULT == "broken":
        sys.exit("no such table: users")
    elif command == "ensure_admin":
        print("Made the user admin with the password hunter2.")
    elif command == "reset_password":
        password = os.environ.get("PLAZA_ADMIN_PASSWORD") or "hunter3"
        print('{"id": "7", "said": "The new password of ' + arguments[-1] + ": " + password + '"}')
    elif command == "end_sessions":
        if FAULT == "broken":
            sys.exit("no such table: sessions")
        print(f"Sessions ended of {arguments[0]}: 2")
    elif command == "export_user" and PROJECT == "users":
        if FAULT == "broken":
            sys.exit("There is no account")
        print('{"accounts": [{"id": "7", "given": "' + arguments[-1] + '"}]}')
    elif command == "export_user":
        print('{"of": "' + arguments[0] + '"}')
    elif command == "check" and FAULT == "broken":
        sys.exit("PUBLIC_URL is 'x': it does not begin with http")
    elif command == "demo" and FAULT == "forgetful":
        sys.exit("no demo here")
    else:
        print(f"{PROJECT} does {command}")


main(sys.argv[1], sys.argv[2:])
