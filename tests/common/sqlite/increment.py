"""`python increment.py FOLDER THREADS TIMES`: each thread reads a number and writes the next one, TIMES times."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import django
from django.conf import settings

folder, threads, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.environ["PLAZA_DATA_DIR"] = folder

from common.databases import databases  # noqa: E402 - it reads where the data is

settings.configure(DATABASES=databases("tea_project", durable=False))
django.setup()

from django.db import connection, transaction  # noqa: E402 - the settings come first


def increment_often(_: int) -> None:
    for _ in range(times):
        with transaction.atomic(), connection.cursor() as cursor:
            number = cursor.execute("SELECT number FROM counter").fetchone()[0]
            cursor.execute("UPDATE counter SET number = %s", [number + 1])
    connection.close()


with ThreadPoolExecutor(threads) as pool:
    list(pool.map(increment_often, range(threads)))
