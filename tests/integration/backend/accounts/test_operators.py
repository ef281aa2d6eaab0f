"""How the first administrator comes to be: by the settings, or by whoever holds the database."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

import pytest

from tests.backends import secrets_of


@pytest.fixture
def program(backend):
    """Run a program of the backend on the stores of the stack: `program("migrate", ADMIN_SITE_ID="boss")`."""

    def run(name: str, *argv: str, **settings: str) -> subprocess.CompletedProcess[str]:
        profile = backend.load()
        env = {"PATH": os.environ["PATH"], "ARGON2_PROFILE": "test", **secrets_of(profile), **settings}
        env["DATABASE_URL"] = profile.get("CCOPS_DATABASE_URL")
        command = [sys.executable, "-m", f"ccops.backend.{name}", *argv]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


def login(http, site_id, password):
    return http.post("/api/auth/login", json={"site_id": site_id, "password": password})


def test_the_stack_has_an_administrator_and_says_which(backend, http, sql):
    profile = backend.load()
    site_id, password = profile.get("CCOPS_ADMIN_SITE_ID"), profile.get("CCOPS_ADMIN_PASSWORD")

    token = login(http, site_id, password).json()["access_token"]

    assert http.get("/api/admin/users", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    query = "SELECT a.action FROM audit_log a JOIN users u ON u.id = a.actor_id WHERE u.site_id = %s"
    assert sql(query, site_id)[0]["action"] == "seed.admin"


def test_the_settings_create_an_administrator_and_change_their_password(program, http, sql):
    boss = {"ADMIN_SITE_ID": f"boss{secrets.token_hex(4)}", "ADMIN_PASSWORD": secrets.token_hex(8)}
    assert program("migrate", **boss).stdout.endswith("administrator created\n")
    assert program("migrate", **boss).stdout.endswith("administrator unchanged\n")
    old = login(http, boss["ADMIN_SITE_ID"], boss["ADMIN_PASSWORD"]).json()
    assert old["user"]["rank"] == "ADMIN"

    changed = boss | {"ADMIN_PASSWORD": secrets.token_hex(8)}
    done = program("migrate", **changed)

    assert done.stdout.endswith("administrator updated\n")
    assert changed["ADMIN_PASSWORD"] not in done.stdout + done.stderr
    assert login(http, boss["ADMIN_SITE_ID"], boss["ADMIN_PASSWORD"]).status_code == 401
    assert login(http, boss["ADMIN_SITE_ID"], changed["ADMIN_PASSWORD"]).status_code == 200
    # Who knew the old password does not stay in.
    assert http.post("/api/auth/refresh", json={"refresh_token": old["refresh_token"]}).status_code == 401


def test_a_player_who_took_the_name_is_not_promoted(program, account, sql):
    squatter = account()
    done = program("migrate", ADMIN_SITE_ID=squatter.site_id, ADMIN_PASSWORD=secrets.token_hex(8))
    assert done.returncode == 0
    assert done.stdout.endswith("administrator taken\n")
    assert squatter.get("/api/admin/users").status_code == 403


def test_an_operator_gives_a_rank_and_it_is_logged(program, account, sql, events):
    user = account()

    done = program("scripts.set_rank", user.site_id.upper(), "ADMIN")

    assert (done.returncode, done.stdout) == (0, f"{user.site_id.upper()}: STANDARD -> ADMIN\n")
    assert user.get("/api/admin/users").status_code == 200
    (row,) = sql("SELECT * FROM audit_log WHERE target = %s", f"user:{user.id}")
    assert (row["actor_id"], row["action"], row["after"]) == (user.id, "set_rank.cli", {"rank": "ADMIN"})
    assert [event["event"] for event in events(user.id)] == ["rank_changed"]


@pytest.mark.parametrize(("argv", "code"), [(("nobody-at-all", "VIP"), 1), (("x", "KING"), 2)])
def test_an_operators_mistake_is_said(program, argv, code):
    done = program("scripts.set_rank", *argv)
    assert done.returncode == code
    assert done.stderr
    assert "Traceback" not in done.stderr
