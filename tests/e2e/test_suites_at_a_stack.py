"""The contract suites pointed at a stack that is running: green, and as if they had never been there."""

from __future__ import annotations

import re

import clickhouse_connect
import pytest
from confluent_kafka.admin import AdminClient

from tests.conftest import Stack
from tests.suite_stack import run_suites


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

    said = run_suites(stack.home / "dev" / "stack.env", 500)

    passed = re.search(r"(\d+) passed", said)
    assert passed is not None
    assert int(passed[1]) >= 70, said[-1000:]
    after = _inventory(stack)
    # The broker makes its own topics when a client first needs them.
    after["topics"] -= {name for name in after["topics"] if name.startswith("__")} - before["topics"]
    assert after == before
