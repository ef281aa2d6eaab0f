"""Java and the jars of Apache Kafka: found, fetched through Maven, and held against a pinned list."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from ccops.core.errors import Refused
from ccops.stack.services.pythonenv import base_env

HERE = Path(__file__).with_name("apache_kafka")
POM, PINS, LOGGING = HERE / "pom.xml", HERE / "sha256.txt", HERE / "log4j2.properties"
# Brokers of Kafka 4 need Java 17 (KIP-1013).
JAVA_FLOOR = 17
JAVA_LINE = "apt-get install -y --no-install-recommends default-jre-headless"
MAVEN_LINE = "apt-get install -y --no-install-recommends maven"
_FETCH_S, _JAVA_S = 600.0, 20.0
_OTHERWISE = "or: ccops up --kafka noida"


def version() -> str:
    """Return the version of Kafka that is pinned."""
    found = re.search(r"<kafka\.version>([^<]+)<", POM.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def pins() -> dict[str, str]:
    """Return jar name to SHA-256."""
    lines = (line.split() for line in PINS.read_text(encoding="ascii").splitlines())
    return {name: digest for digest, name in lines}


def folder() -> Path:
    """Return where the jars are kept; another list of pins is another folder."""
    chosen, shared = os.environ.get("CCOPS_CACHE"), os.environ.get("XDG_CACHE_HOME")
    root = Path(chosen) if chosen else (Path(shared) if shared else Path.home() / ".cache") / "ccops"
    return root.expanduser() / f"kafka-{version()}-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:8]}"


def java() -> str:
    """Return a Java that can run the broker. Raises Refused without one, naming the package."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    found = found or shutil.which("java")
    if found is None:
        raise _no_java("no java on PATH, and JAVA_HOME names none")
    said = _said([found, "-version"], _JAVA_S)[1]
    number = re.search(r'version "(?:1\.)?(\d+)', said)
    if number is None or int(number[1]) < JAVA_FLOOR:
        raise _no_java(f"{found}: {said.splitlines()[0] if said else 'it says nothing'}")
    return found


def wrong(jars: Path) -> list[str]:
    """Return what is not as pinned in `jars`: missing, different, or not on the list; empty is good."""
    wanted = pins()
    there = {path.name: path for path in jars.glob("*.jar")}
    bad = [f"{name} is missing" for name in wanted if name not in there]
    bad += [f"{name} is not on the list" for name in there if name not in wanted]
    return bad + [
        f"{name} has another SHA-256"
        for name, path in there.items()
        if name in wanted and _digest(path) != wanted[name]
    ]


def ensure(tell: Callable[[str], None]) -> Path:
    """Return the folder of verified jars, fetching them through Maven when they are not there.

    Raises Refused without Maven, when it fails, and when a jar is not the pinned one; then nothing is kept.
    """
    jars = folder()
    if jars.is_dir() and not wrong(jars):
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise Refused(
            "MAVEN_MISSING",
            "the jars of Apache Kafka are not here, and there is no Maven to fetch them",
            evidence=f"no verified jars in {jars}, no mvn on PATH",
            next_step=f"{MAVEN_LINE}    {_OTHERWISE}",
        )
    tell(f"  kafka: fetching {len(pins())} jars of Apache Kafka {version()} through Maven, once")
    scratch = jars.with_name(f".{jars.name}.{os.getpid()}")
    try:
        _fetch(maven, scratch)
        if jars.exists():
            shutil.rmtree(jars)
        scratch.rename(jars)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return jars


def _fetch(maven: str, target: Path) -> None:
    target.mkdir(parents=True)
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}")
    code, said = _said([maven, "-B", "-ntp", "-q", "-Dstyle.color=never", "-f", str(POM), *goal], _FETCH_S)
    if code != 0:
        errors = [line for line in said.splitlines() if "ERROR" in line and len(line) > 60]
        raise Refused(
            "MAVEN_FAILED",
            "Maven could not bring the jars of Apache Kafka",
            evidence=(errors[0] if errors else said)[-400:] or f"exit {code}",
            next_step=f"look at Maven's settings and the network, then again    {_OTHERWISE}",
        )
    if bad := wrong(target):
        raise Refused(
            "JARS_NOT_PINNED",
            f"{len(bad)} jar(s) of Apache Kafka are not the pinned ones; none was kept",
            evidence="; ".join(bad[:3]),
            next_step=f"ask where Maven gets its files from    {_OTHERWISE}",
        )


def _no_java(why: str) -> Refused:
    return Refused(
        "JAVA_MISSING",
        f"Apache Kafka needs Java {JAVA_FLOOR} or newer",
        evidence=why,
        next_step=f"{JAVA_LINE}    {_OTHERWISE}",
    )


def _said(argv: list[str], timeout_s: float) -> tuple[int, str]:
    kept = {key: os.environ[key] for key in ("JAVA_HOME", "MAVEN_OPTS", "MAVEN_ARGS") if key in os.environ}
    try:
        done = subprocess.run(
            argv,
            env={**base_env(), **kept},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        return 1, f"{type(err).__name__}: {err}"
    return done.returncode, done.stdout.strip()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
