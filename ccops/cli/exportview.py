"""What `ccops stack export` says about the file it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core.output import Report
from ccops.core.profile import Profile
from ccops.stack.compose.swarm import SECRETS_VARIABLE, Stack, Wish
from ccops.stack.compose.swarmkeys import DATA_LABEL, Publish, plain_map

if TYPE_CHECKING:
    from rich.console import Console


def export_report(
    profile: Profile,
    wish: Wish,
    made: Stack,
    text: str,
    out: Path | None,
    changed: bool,
    secrets: Path | None,
) -> Report:
    """Return the report: services with replicas, what became of each key, and what to do next."""
    services = plain_map(made.document["services"])
    rows = {name: plain_map(plain_map(one)["deploy"])["replicas"] for name, one in services.items()}
    steps = next_steps(wish, out, secrets)

    def draw(console: Console) -> None:
        said = "written" if changed else "the same as before"
        console.print(f"{out}: {said}, profile {wish.profile}", markup=False, soft_wrap=True)
        console.print(f"  services  {', '.join(f'{name} x{number}' for name, number in rows.items())}")
        if made.left_out:
            console.print(f"  left out  {', '.join(made.left_out)} (not in that profile)")
        for key, fate in made.fates.items():
            if fate != "kept":
                console.print(f"  {key:<13} {fate}", markup=False, soft_wrap=True)
        for note in notes(made):
            console.print(f"  note: {note}", markup=False, soft_wrap=True)
        for line in steps:
            console.print(f"next: {line}", markup=False, soft_wrap=True)

    data = {
        "out": str(out) if out else None,
        "changed": changed,
        "services": rows,
        "left_out": list(made.left_out),
        "keys": dict(made.fates),
        "notes": notes(made),
        "next": steps,
        "text": text,
    }
    return Report("ccops.stack.export/v1", data, env=profile.env, text=draw)


def notes(made: Stack) -> list[str]:
    """Return what somebody who deploys the file must know."""
    services = {name: plain_map(one) for name, one in plain_map(made.document["services"]).items()}
    return [
        said
        for name, (below, said) in _WANTED.items()
        if name in services and below not in str(services[name].get("configs"))
    ]


# What a service should find where, and what is missing if it does not.
_WANTED = {
    "prometheus": (
        "/etc/prometheus/rules/",
        "Prometheus gets no alert rules: start the stack once, or name their folder with CCOPS_RULES_DIR",
    ),
    "grafana": (
        "/etc/grafana/provisioning/",
        "Grafana gets no dashboards: ccops monitor provision --out DIR, and CCOPS_GRAFANA_DIR=DIR",
    ),
}


def next_steps(wish: Wish, out: Path | None, secrets: Path | None) -> list[str]:
    """Return the commands that deploy the file."""
    steps = [f"docker node update --label-add {DATA_LABEL}=true NODE    (where the volumes are)"]
    variable = f"{SECRETS_VARIABLE}={secrets} " if secrets else ""
    if wish.publish is Publish.NONE:
        steps.append("reach it at http://backend:8000 from a container on the network ccops_ccnet")
    return [*steps, f"{variable}docker stack deploy -c {out or 'FILE'} ccops"]
