"""The stack file on disk: what docker-compose.yml mounts, read now, and the text that is written."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile
from ccops.stack.compose import secretfiles
from ccops.stack.compose.layout import folder
from ccops.stack.compose.swarm import SECRETS_VARIABLE, SecretsFrom, Stack, Wish, stack_of
from ccops.stack.compose.swarmkeys import DATA_LABEL, ConfigFile, bind_mounts, plain_map, slug
from ccops.stack.paths import StateDir
from ccops.stack.site import choices_of, site_of

HEADER = (
    "# Written by `ccops stack export --swarm` from docker-compose.yml; write it again instead of editing it."
)
# On a swarm the tasks are found by DNS, so that the folder of targets that `ccops up` writes is not there.
_INSTEAD = {"compose/prometheus.yml": "compose/prometheus-swarm.yml"}
_TARGETS = "/etc/prometheus/targets"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
_MOST_BYTES = 500 * 1024


def export(profile: Profile, wish: Wish, out: Path | None) -> tuple[Stack, str]:
    """Return the stack, and its file as text; paths in it are right for `out` (None: for the project).

    Raises UsageError where the project has no compose file, and for what can't be translated.
    """
    import yaml

    path = profile.project.root / "docker-compose.yml"
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as err:
        raise UsageError(
            "COMPOSE_FILE_UNUSABLE",
            "the project's docker-compose.yml can't be read",
            evidence=f"{path}: {err}",
            next_step="copy it from the repository, or leave --project out",
        ) from None
    mounted = _mounted(profile, plain_map(plain), out.resolve().parent if out else profile.project.root)
    stack = stack_of(plain_map(plain), wish, mounted)
    # Written out: an anchor that the reader has to look up is no help in a file that is read once.
    dumper = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    text = yaml.dump(dict(stack.document), Dumper=dumper, sort_keys=False, width=110, allow_unicode=True)
    return stack, f"{HEADER}\n{_how_to(wish)}{text}"


def _how_to(wish: Wish) -> str:
    variable = "" if wish.secrets is SecretsFrom.EXTERNAL else f"{SECRETS_VARIABLE}=FOLDER "
    return (
        f"#   docker node update --label-add {DATA_LABEL}=true NODE\n"
        f"#   {variable}docker stack deploy -c THIS_FILE ccops\n"
        "# Other variables (CCOPS_IMAGE_*, CCOPS_MEM_*, CCOPS_PORT_BACKEND, CCOPS_SEED) are read then, too.\n"
    )


def write(out: Path, text: str) -> bool:
    """Write the file; returns whether that changed anything. Raises Refused for a file that is not ours."""
    before = out.read_text(encoding="utf-8", errors="replace") if out.is_file() else ""
    if before and not before.startswith(HEADER):
        raise Refused(
            "STACK_FILE_NOT_OURS",
            f"{out.name} is there, and was not written by this command",
            evidence=f"{out} begins with {before.splitlines()[0][:80]!r}",
            next_step="name another file with --out, or remove that one",
        )
    if before == text:
        return False
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as err:
        raise Refused(
            "STACK_FILE_UNWRITABLE",
            f"{out.name} can't be written",
            evidence=str(err),
            next_step="name a file in a folder that is yours",
        ) from None
    return True


def secrets(profile: Profile) -> Path:
    """Write the secrets' files as `ccops up` does, made up where there are none; return their folder.

    Raises Refused for a profile of systems that run elsewhere: they have secrets, and these would be others.
    """
    if profile.stack_kind == "external":
        raise Refused(
            "STACK_EXTERNAL",
            f"{profile.env} says CCOPS_STACK=external: its secrets are not ours to make up",
            evidence=f"env/{profile.env}.env describes systems that run elsewhere",
            next_step=f"ccops stack export --swarm --env {profile.env} --secrets external",
        )
    state_dir = StateDir(profile.state_dir)
    state_dir.create()
    secretfiles.write(state_dir, site_of(state_dir, choices_of(profile)))
    return folder(state_dir, "secrets")


def _mounted(
    profile: Profile, compose: Mapping[str, object], base: Path
) -> dict[tuple[str, str], tuple[ConfigFile, ...]]:
    found: dict[tuple[str, str], tuple[ConfigFile, ...]] = {}
    for name, one in plain_map(compose.get("services")).items():
        for source, target in bind_mounts(plain_map(one)):
            files = {} if target == _TARGETS else _files(_place(profile, source))
            found[name, source] = tuple(
                _config((profile.env, name), path, f"{target}/{relative}" if relative else target, base)
                for relative, path in files.items()
            )
    return found


def _place(profile: Profile, source: str) -> Path:
    """Return the file or folder that `source` names: a variable's value from the profile, or its default."""
    text = _VARIABLE.sub(lambda match: profile.get(match[1]) or _usual(profile, match[1]) or match[2], source)
    text = text.removeprefix("./")
    return profile.project.root / _INSTEAD.get(text, text)


def _usual(profile: Profile, key: str) -> str:
    rules = StateDir(profile.state_dir).rules
    return str(rules) if key == "CCOPS_RULES_DIR" and any(rules.glob("*.yml")) else ""


def _files(place: Path) -> dict[Path | None, Path]:
    """Return each file with its path below the mount; None for a mount that is a file itself."""
    if place.is_file():
        return {None: place}
    return {path.relative_to(place): path for path in sorted(place.rglob("*")) if path.is_file()}


def _config(whose: tuple[str, str], path: Path, target: str, base: Path) -> ConfigFile:
    content = path.read_bytes()
    if len(content) > _MOST_BYTES:
        raise UsageError(
            "COMPOSE_FILE_UNUSABLE",
            f"{path.name} is too large for a config of a swarm",
            evidence=f"{path}: {len(content)} bytes, {_MOST_BYTES} at most",
            next_step="make it smaller, or mount it by hand",
        )
    env, service = whose
    key = f"{service}_{slug(Path(target).name)}"
    digest = hashlib.sha256(content).hexdigest()[:8]
    near = path.is_relative_to(base)
    file = f"./{path.relative_to(base)}" if near else os.path.abspath(path)  # noqa: PTH100 - no symlinks resolved
    # The names are the swarm's, not the stack's, and have 64 characters at most.
    return ConfigFile(key, f"{f'ccops_{env}_{key}'[:55]}_{digest}", file, target)
