"""A scenario as people read it."""

from __future__ import annotations

import json

from ccops.smoke.loader import parse
from ccops.smoke.show import as_data, outline
from tests.unit.smoke.sample import SAMPLE


def test_the_outline_names_parts_steps_and_what_each_asserts() -> None:
    lines = outline(parse(SAMPLE, "s.yaml", acts=()), "ko")

    assert lines[0] == "sample: 하루"
    assert lines[1] == "  needs http, ws, sql, redis, kafka, clickhouse, prom, changes data"
    for line in (
        "  watch feed: ws /api/realtime/sync",
        "  always no_negative: sql, every 250ms and at the end",
        "  always no_loss: clickhouse, at the end",
        "  setup",
        "  1. 가입 [http, sql, redis]",
        "  2. Play [http, ws, kafka, clickhouse, prom]",
        "    signup: POST /api/auth/signup",
        "      redis at least 1 within 2s: session:${uid}",
        "        ws exactly 1 on feed within 500ms, settled 1s: user_action",
        "        ws never on feed within 300ms: error",
        "      http answers 1 x 200, 19 x 409|429",
        "    rest: sleep 1s",
        "    cut: ws drop feed",
        "    back: ws reopen feed",
        "  teardown",
    ):
        assert line in lines


def test_the_machine_form_is_json_with_places() -> None:
    data = as_data(parse(SAMPLE, "s.yaml", acts=()))

    assert json.loads(json.dumps(data)) == data
    steps = data["steps"]
    assert isinstance(steps, list)
    assert steps[0]["file"] == "s.yaml:21:5"
    assert steps[2]["steps"][0]["effects"][1]["system"] == "kafka"
