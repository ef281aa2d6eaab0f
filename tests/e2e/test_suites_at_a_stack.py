"""The contract suites pointed at a stack that is running: green, and as if they had never been there."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import clickhouse_connect
import pytest
from confluent_kafka.admin import AdminClient

from tests.conftest import ROOT, Stack
from tests.suite_stack import VARIABLE

SUITES = ("tests/integration/clickhouse_front", "tests/integration/kafka_conformance")


def _inventory(stack: Stack) -> dict[str, set[str]]:
    """Return what is on the stack: databases, topics and groups."""
    admin = AdminClient({"bootstrap.servers": stack.url("CCOPS_KAFKA_BOOTSTRAP"), "log_level": 0})
    with clickhouse_connect.get_client(dsn=stack.url("CCOPS_CLICKHOUSE_URL")) as client:
        databases = {str(row[0]) for row in client.query("SHOW DATABASES").result_rows}
    groups = {one.group_id for one in admin.list_consumer_groups().result(20).valid}
    return {"databases": databases, "topics": set(admin.list_topics(timeout=20).topics), "groups": groups}


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_both_suites_pass_on_a_running_stack_and_leave_nothing(stack: Stack) -> None:
    before = _inventory(stack)
    given = {key: value for key, value in os.environ.items() if not key.startswith("CCOPS_")}
    given[VARIABLE] = str(stack.home / "dev" / "stack.env")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 70, done.stdout[-1000:]
    after = _inventory(stack)
    # The broker makes its own topics when a client first needs them.
    after["topics"] -= {name for name in after["topics"] if name.startswith("__")} - before["topics"]
    assert after == before
