# One image for backend, worker, migration and CLI. Wheels only: nothing is compiled.
# Without a network: put wheels of everything (hatchling, too) into ./wheels and build with
# --build-arg PIP_NO_INDEX=1 --build-arg PIP_FIND_LINKS=/src/wheels
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG PIP_NO_INDEX=
ARG PIP_FIND_LINKS=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY constraints.txt pyproject.toml README.md docker-compose.yml wheel[s] ./wheels/
RUN mv wheels/constraints.txt wheels/pyproject.toml wheels/README.md wheels/docker-compose.yml .
COPY ccops ccops
COPY rules_templates rules_templates
COPY scenarios scenarios
COPY env env
COPY compose compose
RUN [ -n "$PIP_NO_INDEX" ] || unset PIP_NO_INDEX; [ -n "$PIP_FIND_LINKS" ] || unset PIP_FIND_LINKS; \
    python3 -m venv /opt/ccops \
 && /opt/ccops/bin/pip wheel -q --no-deps -w /tmp/own . \
 && /opt/ccops/bin/pip install -q --only-binary :all: -c constraints.txt --find-links /tmp/own 'ccops[backend]' \
 && /opt/ccops/bin/pip uninstall -q -y pip setuptools \
 && install -m 0755 compose/entry.sh /opt/ccops/bin/ccops-entry

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/ccops /opt/ccops
ENV PATH=/opt/ccops/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8
RUN groupadd -g 10001 ccops && useradd -u 10001 -g ccops -d /home/ccops -m -s /usr/sbin/nologin ccops
USER 10001:10001
WORKDIR /home/ccops
ENTRYPOINT ["ccops-entry"]
CMD ["ccops", "--help"]
