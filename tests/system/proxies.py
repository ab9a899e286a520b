"""Servers that stand in front of Plaza: nginx ends TLS and compresses, HAProxy asks for its health."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.plaza import eventually

HOST = "shop.example"
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    gzip on; gzip_types application/json application/problem+json; gzip_min_length 1; gzip_proxied any;
    upstream plaza {{ server 127.0.0.1:{plaza}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name {host};
        ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
        location / {{
            proxy_pass http://plaza;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""
HAPROXY = """
global
    stats socket {folder}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend front
    bind 127.0.0.1:{port}
    default_backend plaza
backend plaza
    option httpchk {check}
    http-check expect status 200-399
    server one 127.0.0.1:{plaza} check inter 200ms rise 1 fall 1
"""


def make_certificate(folder: Path) -> Path:
    """A key, and a certificate for `HOST` that signs itself."""
    certificate = folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    command += ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(folder / "key.pem"), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate


@contextlib.contextmanager
def nginx(folder: Path, port: int, plaza_port: int) -> Iterator[Path]:
    """Listens with TLS. Gives the certificate to trust."""
    certificate = make_certificate(folder)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, plaza=plaza_port, host=HOST))
    with running(["nginx", "-c", str(config), "-p", str(folder)], port):
        yield certificate


@contextlib.contextmanager
def plain_nginx(folder: Path, port: int, plaza_port: int) -> Iterator[None]:
    """Listens without TLS, and compresses."""
    config = folder / "nginx.conf"
    text = NGINX.format(folder=folder, port=port, plaza=plaza_port, host="_").replace(f":{port} ssl;", f":{port};")
    text = text.replace("access_log off;", "access_log off; client_body_buffer_size 1m;")
    config.write_text("".join(line for line in text.splitlines(keepends=True) if "ssl_certificate" not in line))
    with running(["nginx", "-c", str(config), "-p", str(folder)], port):
        yield


@contextlib.contextmanager
def haproxy(folder: Path, port: int, plaza_port: int, check: str) -> Iterator[Path]:
    """Asks Plaza how it is with `check`. Gives the socket that says what it found."""
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(folder=folder, port=port, plaza=plaza_port, check=check))
    stats = folder / "stats"
    with running(["haproxy", "-db", "-f", str(config)], port):
        eventually(stats.exists)
        yield stats


def backend_status(stats: Path) -> str:
    """What HAProxy thinks of its one server: `UP`, or `DOWN` and why."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(stats))
        connection.sendall(b"show stat\n")
        lines = b"".join(iter(lambda: connection.recv(65536), b"")).decode().splitlines()
    names = lines[0].lstrip("# ").split(",")
    server = next(line.split(",") for line in lines if line.startswith("plaza,one,"))
    return server[names.index("status")]


@contextlib.contextmanager
def running(command: list[str], port: int, **variables: str) -> Iterator[None]:
    program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program, f"{command[0]} is missing"
    environment = {**os.environ, **variables}
    with subprocess.Popen([program, *command[1:]], stderr=subprocess.PIPE, env=environment) as process:
        try:
            wait_for(port, process)
            yield
        finally:
            process.terminate()
            process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    give_up_s = time.monotonic() + 20
    while time.monotonic() < give_up_s and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError((process.stderr.read() if process.stderr else b"").decode())
