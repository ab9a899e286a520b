# One recipe for the four projects: docker build --build-arg PROJECT=users_project .
# It holds Python's pinned packages, common/ and that one project; settings and secrets come from the environment.
ARG BASE_IMAGE=python:3.11-slim-bookworm

# The same layer for every project, made again only when requirements.lock changes.
FROM ${BASE_IMAGE} AS packages
# Anything, for images that can tell an OpenTelemetry collector of spans.
ARG TELEMETRY=
COPY requirements.lock requirements-otel.lock /tmp/
RUN python -m venv /opt/plaza \
    && /opt/plaza/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
        --no-deps --require-hashes --requirement /tmp/requirements.lock \
        ${TELEMETRY:+--requirement=/tmp/requirements-otel.lock} \
    && /opt/plaza/bin/pip check \
    && /opt/plaza/bin/pip uninstall --yes pip setuptools

# `docker compose run --rm backup`: the server's own pg_dump, and a Python for what needs no packages.
FROM postgres:17-bookworm AS backup
ARG VERSION=0
# The newest of Debian's own Python is wanted.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10006 plaza \
    && useradd --uid 10006 --gid plaza --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin plaza \
    && install --directory --owner=plaza --group=plaza --mode=0700 /backups
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PLAZA_VERSION=${VERSION} \
    PLAZA_DATA_DIR=/backups/.state
WORKDIR /srv/plaza
COPY operations/ operations/
USER 10006:10006
ENTRYPOINT ["python3", "operations/manage.py"]
CMD ["backup", "/backups", "--keep", "14"]

FROM ${BASE_IMAGE}
ARG PROJECT
ARG UID=10001
# PLAZA_REQUIRE_SECRETS is no secret: it refuses to start without those that are handed in.
# hadolint ignore=DL3064
ENV PATH=/opt/plaza/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PLAZA_REQUIRE_SECRETS=true \
    PLAZA_DATA_DIR=/var/lib/plaza
WORKDIR /srv/plaza
# manage.py finds its project through the link, so one command line fits all; the code stays root's, the data its own.
RUN test -n "${PROJECT}" || { echo "Name a project: --build-arg PROJECT=users_project" >&2; exit 1; } \
    && groupadd --gid "${UID}" plaza \
    && useradd --uid "${UID}" --gid plaza --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin plaza \
    && install --directory --owner=plaza --group=plaza --mode=0700 "${PLAZA_DATA_DIR}" \
    && ln --symbolic "${PROJECT}/manage.py" manage.py
COPY --from=packages /opt/plaza /opt/plaza
COPY common/ common/
COPY ${PROJECT}/ ${PROJECT}/

USER ${UID}:${UID}
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
