"""One service as several processes: names, numbers, ports, and what each is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile, Project, Value
from ccops.stack.members import check_count, expand, kind_of, members, number_of, wanted_count
from ccops.stack.ports import known_ports, plan_ports
from ccops.stack.service import Site
from ccops.stack.services import table
from ccops.stack.services.graph import NEEDS, check_names, in_order
from ccops.stack.state import Phase, ServiceState, StackState

SECRETS = dict.fromkeys(
    (
        *("POSTGRES_PASSWORD", "REDIS_PASSWORD", "CLICKHOUSE_PASSWORD", "JWT_KEYS", "WEBHOOK_SECRETS"),
        *("PII_KEYS", "ADMIN_PASSWORD"),
    ),
    "s3cret",
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    names = (*NEEDS, "backend-1", "backend-2")
    return Site("dev", tmp_path, {name: 20000 + at for at, name in enumerate(names)}, SECRETS)


def profile(tmp_path: Path, **values: str) -> Profile:
    return Profile(
        "dev",
        Project(tmp_path, tmp_path),
        {key: Value(text, "env/dev.env:3") for key, text in values.items()},
    )


def state(**phases: Phase) -> StackState:
    rows = {
        name.replace("_", "-"): ServiceState(name, phase, pid=7 if phase is Phase.READY else 0)
        for name, phase in phases.items()
    }
    return StackState("dev", 1, 0.0, rows)


def test_one_process_keeps_the_plain_name_and_several_are_numbered() -> None:
    assert expand(("redis", "backend"), 1) == ("redis", "backend")
    assert expand(("redis", "backend", "worker"), 3) == (
        *("redis", "backend-1", "backend-2", "backend-3"),
        "worker",
    )
    assert [
        (kind_of(name), number_of(name)) for name in ("backend-2", "backend", "redis-2", "backend-0")
    ] == [
        ("backend", 2),
        ("backend", 0),
        ("redis-2", 0),
        ("backend-0", 0),
    ]
    assert members("backend", ("redis", "backend-1", "backend-2")) == ("backend-1", "backend-2")
    assert members("backend-2", ("redis", "backend-1", "backend-2")) == ("backend-2",)
    assert in_order(("worker", "backend-10", "backend-9", "redis")) == (
        *("redis", "backend-9", "backend-10"),
        "worker",
    )


def test_a_member_is_a_name_only_where_members_are_meant() -> None:
    check_names(("backend-2",), members=True)

    with pytest.raises(UsageError) as error:
        check_names(("backend-2",))
    with pytest.raises(UsageError):
        check_names(("redis-2",), members=True)
    assert error.value.next_step == "did you mean backend?"


def test_the_number_is_the_callers_then_the_profiles_then_one(tmp_path: Path) -> None:
    chosen = profile(tmp_path, CCOPS_BACKEND_WORKERS="3")

    assert wanted_count(profile(tmp_path)) == 1
    assert wanted_count(chosen) == 3
    assert wanted_count(chosen, 2) == 2


@pytest.mark.parametrize("text", ["0", "5", "-1", "two", "", "²"])
def test_a_number_that_cannot_be_served_names_its_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as error:
        wanted_count(profile(tmp_path, CCOPS_BACKEND_WORKERS=text))

    assert error.value.evidence.startswith("env/dev.env:3: CCOPS_BACKEND_WORKERS: a number from 1 to 4")


def test_more_processes_may_join_and_none_is_taken_away_or_replaced() -> None:
    two = state(backend_1=Phase.READY, backend_2=Phase.READY)

    check_count(two, ("redis", "backend-1", "backend-2", "backend-3"))
    check_count(two, ("redis",))
    check_count(state(backend_1=Phase.STOPPED), ("backend",))
    check_count(None, ("backend",))
    for names in (("backend-1",), ("backend",)):
        with pytest.raises(Refused, match="2 backend process"):
            check_count(two, names)
    with pytest.raises(Refused):
        check_count(state(backend=Phase.READY), ("backend-1", "backend-2"))


def test_members_share_the_port_and_differ_in_number_and_probe(site: Site) -> None:
    alone, *two = table.build(site, ("backend", "backend-2", "backend-1")).values()

    assert (alone.listen, alone.ports, alone.env["LISTEN_FD"]) == (0, (site.ports["backend"],), "0")
    assert [one.name for one in two] == ["backend-1", "backend-2"]
    assert [one.listen for one in two] == [site.ports["backend"]] * 2
    assert [one.env["HTTP_PORT"] for one in two] == [str(site.ports["backend"])] * 2
    assert [one.env["PROCESS_NUMBER"] for one in two] == ["1", "2"]
    assert [one.env["PROCESS_PORT"] for one in two] == [str(one.ports[0]) for one in two]
    assert len({one.env["PROMETHEUS_MULTIPROC_DIR"] for one in two}) == 1
    assert "PROMETHEUS_MULTIPROC_DIR" not in alone.env


def test_stack_env_says_how_many_only_when_it_is_several(site: Site) -> None:
    several = table.stack_env(site, ("redis", "backend-1", "backend-2"))
    single = table.stack_env(site, ("redis", "backend"))

    assert several["CCOPS_BACKEND_WORKERS"] == "2"
    assert "CCOPS_BACKEND_WORKERS" not in single
    assert several["CCOPS_BACKEND_URL"] == single["CCOPS_BACKEND_URL"]


def test_a_member_keeps_its_port_also_while_the_backend_is_one_process(tmp_path: Path) -> None:
    file = profile(tmp_path).state_dir / "ports.json"
    first = plan_ports(profile(tmp_path), ("backend", "backend-1", "backend-2"))
    plan_ports(profile(tmp_path), ("backend",))

    assert known_ports(file) == first
    assert len(set(first.values())) == len(first)
