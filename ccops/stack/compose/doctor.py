"""Questions about what the stack on Docker needs from this machine."""

from __future__ import annotations

from ccops.clients.docker import open_docker
from ccops.core.profile import Profile
from ccops.stack import doctor_machine, doctor_services
from ccops.stack.compose import client
from ccops.stack.compose.containers import of_project
from ccops.stack.compose.layout import project_name
from ccops.stack.finding import Finding, Question, fail, good

_FILES = ("docker-compose.yml", "compose/ports.yml", "compose/prometheus.yml", "compose/alertmanager.yml")


def compose_client(_: Profile) -> Finding:
    """Check that there is a compose client; which one and how old."""
    found = client.find()
    return good(f"{' '.join(found.argv)} {found.version}")


def engine(profile: Profile) -> Finding:
    """Check that the engine answers this user."""
    with open_docker() as docker:
        said, ours = docker.version(), of_project(docker, project_name(profile))
    api = said.get("ApiVersion", "?")
    return good(f"{said.get('Version', '?')}, API {api}; {len(ours)} container(s) of {project_name(profile)}")


def files(profile: Profile) -> Finding:
    """Check that the project has the files; a folder of one's own may lack them."""
    root = profile.project.root
    missing = [name for name in _FILES if not (root / name).is_file()]
    if missing:
        return fail(
            f"{root} has no {', '.join(missing)}", "copy them from the repository, or leave --project out"
        )
    return good(str(root / "docker-compose.yml"))


QUESTIONS: dict[str, Question] = {
    "compose-client": compose_client,
    "engine": engine,
    "compose-files": files,
    **{
        name: doctor_machine.QUESTIONS[name] for name in ("python", "state-folder", "disk", "memory", "clock")
    },
    **{name: doctor_services.QUESTIONS[name] for name in ("settings", "secrets")},
}
