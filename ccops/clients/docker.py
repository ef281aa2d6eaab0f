"""Open the API of a Docker engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol, cast, overload

from ccops.core.errors import CcopsError, Refused, Unreachable, UsageError

INSTALL_LINE = "pip install 'ccops[compose]'"


class LogStream(Protocol):
    """What we use of the SDK's stream: blocks of bytes, which end anywhere in a line."""

    def __iter__(self) -> Iterator[bytes]:
        """Wait for the next block; end with the container, or after `close`."""
        ...

    def close(self) -> None:
        """End the iteration; callable from another thread."""
        ...


class Container(Protocol):
    """What we use of the SDK's container; `attrs` is the engine's own description (docker inspect)."""

    attrs: Mapping[str, object]

    @overload
    def logs(self, *, tail: int, timestamps: bool = False) -> bytes:
        """Return the last lines, each behind the time when the engine took it if `timestamps`."""
        ...

    @overload
    def logs(self, *, stream: Literal[True], follow: bool, timestamps: bool, since: int) -> LogStream:
        """Return the lines from second `since` (of the epoch, 1 or more) on, until the container ends."""
        ...

    def restart(self, *, timeout: int) -> None:
        """Stop within `timeout` seconds, and start."""
        ...


class Containers(Protocol):
    """What we use of the SDK's collection."""

    def list(
        self,
        *,
        all: bool,  # noqa: A002 - the SDK's name
        filters: Mapping[str, str],
        ignore_removed: bool,
    ) -> Sequence[Container]:
        """Return the containers that the filters keep; `all` includes stopped ones."""
        ...


class Image(Protocol):
    """What we use of the SDK's image."""

    @property
    def id(self) -> str:
        """Return its digest, `sha256:...`."""
        ...


class Images(Protocol):
    """What we use of the SDK's collection of images."""

    def get(self, name: str) -> Image:
        """Return the image. Raises docker.errors.ImageNotFound."""
        ...


class Volumes(Protocol):
    """What we use of the SDK's collection of volumes."""

    def list(self, *, filters: Mapping[str, str]) -> Sequence[object]:
        """Return the volumes that the filters keep."""
        ...


class Docker(Protocol):
    """What we use of the SDK's client."""

    @property
    def volumes(self) -> Volumes:
        """Return the volumes."""
        ...

    @property
    def images(self) -> Images:
        """Return the images."""
        ...

    @property
    def containers(self) -> Containers:
        """Return the collection."""
        ...

    def version(self) -> Mapping[str, object]:
        """Return what the engine says it is: Version, ApiVersion and more."""
        ...

    def info(self) -> Mapping[str, object]:
        """Return how the engine is set up: DockerRootDir and more."""
        ...


@contextmanager
def open_docker(timeout: float = 10.0) -> Iterator[Docker]:
    """Yield the client of the engine that DOCKER_HOST names (none: the usual socket), once it answered.

    Raises UsageError without the SDK, Refused without permission, Unreachable when nobody answers or the
    engine goes away inside the block.
    """
    try:
        import docker
        import requests
    except ImportError as err:
        raise UsageError(
            "DOCKER_SDK_MISSING",
            "the Docker SDK is not installed",
            evidence=str(err),
            next_step=INSTALL_LINE,
        ) from None
    failures = (docker.errors.DockerException, requests.RequestException, OSError)
    client = None
    try:
        client = docker.DockerClient.from_env(timeout=int(max(timeout, 1)))
        yield cast(Docker, client)
    except failures as err:
        raise translated(err) from err
    finally:
        if client is not None:
            client.close()


def image_id(docker: Docker, name: str) -> str:
    """Return the digest of what `name` stands for now; empty when the engine has no such image."""
    from docker.errors import ImageNotFound

    try:
        return docker.images.get(name).id
    except ImageNotFound:
        return ""


def translated(err: BaseException) -> CcopsError:
    """Return our error for what the SDK raised; its cause is deep inside, so all are looked at."""
    chain = _chain(err)
    said = f"{type(err).__name__}: {err}"[:400]
    if any(isinstance(one, PermissionError) for one in chain):
        return Refused(
            "DOCKER_NO_PERMISSION",
            "this user may not talk to the Docker engine",
            evidence=said,
            next_step="sudo usermod -aG docker $USER, then log in again",
        )
    return Unreachable(
        "DOCKER_ENGINE_DOWN",
        "no Docker engine answers",
        evidence=said,
        next_step="start it (systemctl start docker), or point DOCKER_HOST at one; without: --mode embedded",
    )


def _chain(err: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    todo: list[object] = [err]
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__, *one.args]
        elif isinstance(one, tuple):
            todo += one
    return found
