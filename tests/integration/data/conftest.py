"""Databases of their own, on the session's servers, that a test may damage."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from ccops.core.profile import Profile, Value
from ccops.data.check import Looked, Wanted, check_data
from tests.conftest import Stack

_numbers = itertools.count(1)
_OWNER = """
INSERT INTO users (public_id, site_id, nickname, password_hash)
VALUES (gen_random_uuid(), 'planted', 'planted', 'x');
INSERT INTO wallets (user_id) SELECT id FROM users WHERE site_id = 'planted';
"""


def pointed(profile: Profile, **texts: str) -> Profile:
    """Return `profile` with other settings, as the process environment would give them."""
    return replace(
        profile, values={**profile.values, **{key: Value(text, "process") for key, text in texts.items()}}
    )


class Planted:
    """A migrated database of its own; `run` damages it (constraints and triggers do not stop it)."""

    def __init__(self, stack: Stack, url: str) -> None:
        self.url = url
        self.profile = pointed(stack.profile(), CCOPS_DATABASE_URL=url)

    def run(self, *statements: str, fails: type[Exception] | None = None) -> None:
        """Run SQL as replication would; the one that `fails` must fail."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute("SET session_replication_role = replica")
            for statement in statements:
                try:
                    conn.execute(statement.encode())
                except psycopg.Error as error:
                    if fails is None or not isinstance(error, fails):
                        raise

    def look(self, *only: str, timeout_s: float = 30.0, **settings: str) -> Looked:
        return check_data(pointed(self.profile, **settings), Wanted(only, timeout_s=timeout_s))


@pytest.fixture(scope="session")
def template(stack: Stack) -> Iterator[str]:
    """The name of a migrated database with one user and a wallet."""
    url, name = stack.url("CCOPS_DATABASE_URL"), "planted_template"

    def change(*statements: str) -> None:
        # A connection each time: between the first and the last, a test of another folder kills the server.
        with psycopg.connect(url, autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement.encode())

    change(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    made = f"{url.rpartition('/')[0]}/{name}"
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": made, "UNLIMITED_INVITE_CODE": "5858"}
    argv = [sys.executable, "-m", "ccops.backend.migrate", "--seed", "demo"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(made, autocommit=True) as own:
        own.execute(_OWNER)
    yield name
    change(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def planted(stack: Stack, template: str) -> Iterator[Planted]:
    """A fresh copy of the template."""
    url, name = stack.url("CCOPS_DATABASE_URL"), f"planted_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name}")
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield Planted(stack, f"{url.rpartition('/')[0]}/{name}")
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def contract(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """`contract(**{"invariants.sql": text})` makes a bundle folder with these files; returns its path."""

    def make(files: dict[str, str]) -> str:
        folder = tmp_path_factory.mktemp("contract")
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        return str(folder)

    return make
