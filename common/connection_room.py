"""Whether PostgreSQL has room for the connections that a service keeps: one for each thread of each of its processes.

Asked once, before the first worker, since a server that is full refuses whoever comes last, and that may be another
service. What `…_REPLICAS` says is believed: a process doesn't know how many there are beside it.
"""

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from common.settings import env_number

log = structlog.get_logger(__name__)

ROOM = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
           (SELECT count(*) FROM pg_stat_activity WHERE datname <> current_database())
"""


def check_room(threads: int, workers: int) -> None:
    """Raises `ImproperlyConfigured` if they can never all connect; a warning if others leave too little now.

    Without kept connections, as in the gateway, none is needed for a thread that waits.
    """
    if connection.vendor != "postgresql" or connection.settings_dict["CONN_MAX_AGE"] == 0:
        return
    service = settings.SERVICE_NAME
    replicas = int(env_number(f"{service.upper()}_REPLICAS", 1))
    try:
        with connection.cursor() as cursor:
            cursor.execute(ROOM)
            room, others = cursor.fetchone()
    finally:
        connection.close()  # none may cross a fork
    judge(service, threads, workers, replicas, room=room, others=others)


def judge(service: str, threads: int, workers: int, replicas: int, *, room: int, others: int) -> None:
    """`room` is what the server allows, `others` how many connections other databases have of it now."""
    needed = threads * workers * replicas
    sum_ = f"{threads} threads × {workers} workers × {replicas} replicas = {needed} connections"
    mend = f"Raise max_connections of the server, or lower {service.upper()}_WORKERS or --threads."
    if needed > room:
        raise ImproperlyConfigured(f"{service} needs {sum_}, and PostgreSQL allows {room}. {mend}")
    if needed + others > room:
        log.warning("PostgreSQL may run out of connections", needed=sum_, allowed=room, others_now=others, mend=mend)
