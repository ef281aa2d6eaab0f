"""How long the contract gate takes on a large description: GitHub's, two releases apart, as npm packages.

`python -m tests.bench contract`. The packages come through the machine's own npm configuration.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.bench import oasdiff
from tests.bench.figures import Figure, figure
from tests.bench.machine import ROOT, BenchFailed, clean_env
from tests.bench.plan import Context

PACKAGE = "@octokit/openapi"
VERSIONS = ("19.0.0", "23.0.2")
MEMBER = "package/generated/api.github.com.json"
TARGET_S, TARGET_SAME_S, TARGET_MB = 3.0, 1.0, 300
# Runs in a process of its own, so that its memory is its own.
_RUN = (
    f"""
import sys
sys.path.insert(0, {str(ROOT)!r})"""
    + """
import json, resource, sys, time
from datetime import date
started = time.perf_counter()
from ccops.contract.diff import diff
from ccops.contract.load import load_pair
from ccops.contract.model import Policy
result = diff(*load_pair(sys.argv[1], sys.argv[2]), policy=Policy(today=date(2026, 11, 23)))
levels = [one.level.name for one in result.findings]
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "cpu": time.process_time(), "findings": {name: levels.count(name) for name in ("ERR", "WARN", "INFO")},
    "operations": result.compared.operations, "unknown": result.unknown, "timeouts": result.timeouts,
}))
"""
)


def fetch(folder: Path) -> tuple[Path, Path]:
    """Return both descriptions, taken out of their packages."""
    if shutil.which("npm") is None:
        raise BenchFailed("no `npm` on PATH: GitHub's description comes as an npm package")
    found = []
    for version in VERSIONS:
        argv = ["npm", "pack", f"{PACKAGE}@{version}", "--silent", "--pack-destination", str(folder)]
        written = oasdiff.said(argv, os.environ, 600)
        target = folder / f"github-{version}.json"
        with tarfile.open(folder / written.split()[-1]) as archive:
            member = archive.extractfile(MEMBER)
            if member is None:
                raise BenchFailed(f"{PACKAGE}@{version} has no {MEMBER}")
            with target.open("wb") as file:
                shutil.copyfileobj(member, file)
        found.append(target)
    return found[0], found[1]


def run(old: Path, new: Path) -> dict[str, object]:
    """Compare two files in a fresh process and return what it measured about itself."""
    written = oasdiff.said([sys.executable, "-c", _RUN, str(old), str(new)], clean_env(), 300)
    measured: dict[str, object] = json.loads(written)
    return measured


def bench(context: Context) -> list[Figure]:
    """Compare the two releases, and one with itself; then oasdiff on the same files where Go can fetch it."""
    with tempfile.TemporaryDirectory(prefix="ccops-bench-") as place:
        folder = Path(place)
        context.say("contract: npm pack")
        old, new = fetch(folder)
        apart = [run(old, new) for _ in range(context.runs)]
        same = [run(new, new) for _ in range(context.runs)]
        last = apart[-1]
        basis = (
            f"{PACKAGE} {VERSIONS[0]} -> {VERSIONS[1]}, {last['operations']} operations, {last['findings']}"
        )
        seconds = [float(str(one["seconds"])) for one in apart]
        figures = [
            figure("contract diff", "s", seconds, basis, target=TARGET_S),
            figure(
                "processor time", "s", [float(str(one["cpu"])) for one in apart], "with the start of Python"
            ),
            figure(
                "peak memory",
                "MB",
                [float(str(one["mb"])) for one in apart],
                "of the process",
                target=TARGET_MB,
            ),
            figure(
                "identical",
                "s",
                [float(str(one["seconds"])) for one in same],
                "the same bytes twice",
                target=TARGET_SAME_S,
            ),
        ]
        context.say("contract: go install oasdiff")
        try:
            binary, _documents = oasdiff.install(folder)
        except BenchFailed as error:
            context.say(f"contract: without oasdiff: {error}")
            return figures
        times, count = [], 0
        for _ in range(context.runs):
            found, seconds_taken = oasdiff.changelog(binary, old, new)
            times.append(seconds_taken)
            count = len(found)
        figures.append(
            figure(
                "oasdiff", "s", times, f"{oasdiff.VERSION} changelog, {count} changes, an entry an operation"
            )
        )
        return figures
