"""Questions about what the stack on Docker needs from this machine."""

from __future__ import annotations

import os
from pathlib import Path

from ccops.clients.docker import image_id, open_docker
from ccops.core.errors import Unreachable
from ccops.core.profile import Profile
from ccops.stack import doctor_machine, doctor_services
from ccops.stack.compose import client, engine
from ccops.stack.compose.containers import of_project
from ccops.stack.compose.images import OWN, image_names
from ccops.stack.compose.layout import project_name
from ccops.stack.finding import Finding, Question, fail, good, skip, warn

_FILES = ("docker-compose.yml", "compose/ports.yml", "compose/prometheus.yml", "compose/alertmanager.yml")


def profile_kind(profile: Profile) -> Finding:
    """Check that this profile runs its systems here."""
    if not profile.ours:
        return skip(f"{profile.env} says CCOPS_STACK={profile.stack_kind}: its systems run elsewhere")
    if profile.protected:
        return warn(f"{profile.env} is protected", "no store is published, planted faults are refused")
    return good(f"{profile.env}: {profile.stack_kind}")


def compose_client(_: Profile) -> Finding:
    """Check that there is a compose client; which one and how old."""
    found = client.find()
    return good(f"{' '.join(found.argv)} {found.version}")


def engine_answers(profile: Profile) -> Finding:
    """Check that the engine answers this user."""
    with open_docker() as docker:
        said, ours = docker.version(), of_project(docker, project_name(profile))
    api = said.get("ApiVersion", "?")
    return good(f"{said.get('Version', '?')}, API {api}; {len(ours)} container(s) of {project_name(profile)}")


def engine_disk(_: Profile) -> Finding:
    """Check the free space where the engine keeps images and volumes, if that is on this machine."""
    with open_docker() as docker:
        place = Path(str(docker.info().get("DockerRootDir", "")))
    if not place.is_dir():
        return skip(f"the engine keeps its data elsewhere: {place}")
    return doctor_machine.disk_at(place)


def files(profile: Profile) -> Finding:
    """Check that the project has the files; a folder of one's own may lack them."""
    root = profile.project.root
    missing = [name for name in _FILES if not (root / name).is_file()]
    if missing:
        return fail(f"{root} has no {', '.join(missing)}", f"ccops init {root}    adds what is missing")
    return good(str(root / "docker-compose.yml"))


def images(profile: Profile) -> Finding:
    """Check that the images are here: our own is built, the others can be fetched at the first start."""
    wanted = image_names(profile.project.root / "docker-compose.yml", os.environ)
    with open_docker() as docker:
        missing = {name: key for name, key in wanted.items() if not image_id(docker, name)}
    own = [name for name, key in missing.items() if key == OWN]
    if own:
        return fail(f"{own[0]} is not on this machine", f"docker build -t {own[0]} .    in the repository")
    if missing:
        return warn(
            f"{len(missing)} of {len(wanted)} not here: {', '.join(missing)}",
            "the first start fetches them; offline: docker load -i IMAGES.tar, or CCOPS_IMAGE_<SERVICE>",
        )
    return good(f"{len(wanted)} images are here")


def ports(profile: Profile) -> Finding:
    """Check the ports the profile fixes, unless our own containers publish them."""
    try:
        ours = {item.address for item in engine.status(profile).services.values()}
    except Unreachable as error:
        if error.code != "STACK_DOWN":
            raise
        ours = set()
    return doctor_services.free_but_for(profile, ours)


def containers(profile: Profile) -> Finding:
    """Look at the containers, if there are any."""
    try:
        now = engine.status(profile)
    except Unreachable as error:
        if error.code != "STACK_DOWN":
            raise
        return good("not running")
    if bad := now.bad():
        return warn(f"up, but {', '.join(f'{one.name} is {one.phase}' for one in bad)}", "ccops status")
    return good(f"up, {len(now.services)} healthy or done")


_MACHINE = ("python", "state-folder", "disk", "memory", "loopback", "clock")
QUESTIONS: dict[str, Question] = {
    "profile": profile_kind,
    "compose-client": compose_client,
    "engine": engine_answers,
    "engine-disk": engine_disk,
    "compose-files": files,
    "images": images,
    **{name: doctor_machine.QUESTIONS[name] for name in _MACHINE},
    **{name: doctor_services.QUESTIONS[name] for name in ("settings", "secrets")},
    "ports": ports,
    "containers": containers,
}
