"""Databases on a PostgreSQL server for one system, dropped when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from operations.console import OperationError
from operations.databases import url_variable
from operations.layout import SERVERS


@contextmanager
def fresh_databases(server_url: str) -> Iterator[dict[str, str]]:
    """The four `…_DATABASE_URL` variables. Their databases are dropped after the block.

    Raises:
        OperationError: the server can't be reached, or lets this user make none.
    """
    run = uuid4().hex[:8]
    names = {server: f"plaza_run_{run}_{server.name}" for server in SERVERS}
    with _connected(server_url) as connection:
        try:
            for name in names.values():
                _execute(connection, "CREATE DATABASE {}", name)
            yield {url_variable(server): _with_name(server_url, name) for server, name in names.items()}
        finally:
            for name in names.values():
                _execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _connected(server_url: str) -> "psycopg.Connection[tuple[object, ...]]":
    try:
        return psycopg.connect(server_url, autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        raise OperationError(f"PostgreSQL can't be used: {error}") from error


def _execute(connection: "psycopg.Connection[tuple[object, ...]]", statement: str, name: str) -> None:
    try:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise OperationError(f"PostgreSQL refuses: {error}") from error


def _with_name(server_url: str, name: str) -> str:
    return urlsplit(server_url)._replace(path=name).geturl()
