"""A real Prometheus over a past of our making, and promtool as the judge of what an alert does."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.backends import free_port


def openmetrics(families: Mapping[str, str], series: Mapping[str, Iterable[tuple[int, float]]]) -> str:
    """Return samples as text: `families` are name and type, `series` selector and (Unix seconds, value)."""
    lines = []
    for family, kind in families.items():
        lines.append(f"# TYPE {family} {kind}")
        for selector, samples in series.items():
            if selector.partition("{")[0].removesuffix("_total") == family:
                lines += [f"{selector} {value:g} {moment}" for moment, value in samples]
    return "\n".join([*lines, "# EOF", ""])


@contextmanager
def prometheus(home: Path, past: str, rules: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run Prometheus over `past` (OpenMetrics), with `rules` loaded; yield its address."""
    home.mkdir(parents=True, exist_ok=True)
    text, data, folder = home / "past.txt", home / "data", home / "rules"
    text.write_text(past, encoding="utf-8")
    folder.mkdir()
    for name, content in (rules or {}).items():
        (folder / name).write_text(content, encoding="utf-8")
    # Blocks of a day: 14 of them load faster than 168 of two hours.
    tool = [_program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
    _run([*tool[:3], "--max-block-duration=24h", *tool[3:]])
    config = {"global": {"evaluation_interval": "1m"}, "rule_files": [str(folder / "*.yml")]}
    (home / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    port = free_port()
    argv = [
        _program("prometheus"),
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=60d",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, home / "log")
        yield url
    finally:
        process.kill()
        process.wait(10)


def unit_test(
    rules: Path, folder: Path, series: Mapping[str, str], alerts: Sequence[Mapping[str, object]]
) -> str:
    """Return what `promtool test rules` says, empty when every expectation in `alerts` holds."""
    document = {
        "rule_files": [str(rules)],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": list(alerts),
            }
        ],
    }
    path = folder / "test.json"
    path.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    done = subprocess.run(
        [_program("promtool"), "test", "rules", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    with httpx.Client(base_url=url, timeout=2, trust_env=False) as client:
        while time.monotonic() < end:
            assert process.poll() is None, log.read_text(errors="replace")
            try:
                if client.get("/-/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace"))
