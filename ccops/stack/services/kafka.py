"""The Kafka-protocol broker, behind an interface because the default one is an emulation."""

from __future__ import annotations

from typing import Protocol

from ccops.stack.paths import StateDir
from ccops.stack.probes import KafkaProbe
from ccops.stack.service import HOST, Service, Site
from ccops.stack.services import kafka_choice
from ccops.stack.services.kafka_apache import ApacheProvider
from ccops.stack.services.wheels import binary, package_dir


class KafkaProvider(Protocol):
    """A way to run a broker on this machine."""

    @property
    def name(self) -> str:
        """Return the name that `CCOPS_KAFKA_PROVIDER` chooses it by."""
        ...

    @property
    def gaps(self) -> tuple[str, ...]:
        """Return what it does not do as Apache Kafka does; `status` prints it."""
        ...

    @property
    def keeps_ghosts(self) -> bool:
        """Return whether a member that died by a signal stays in its group until the broker restarts."""
        ...

    def build(self, site: Site) -> Service:
        """Return the broker as a service."""
        ...


class NoidaProvider:
    """noida-db, Kafka part only; started by its real binary, so that signals reach the broker itself."""

    name = "noida"
    gaps = (
        "no session expiry: a killed consumer stays in its group until the broker restarts",
        "the KIP-848 consumer protocol does not work; topics have no identity",
        "records acknowledged in the last 0.5 s are lost by kill -9",
        "an answer to a fetch has no limit: who is far behind is sent everything at once",
    )
    keeps_ghosts = True

    def build(self, site: Site) -> Service:
        data, port = StateDir(site.root).data("kafka"), site.ports["kafka"]
        program = binary(package_dir("noida_db", "the Kafka broker") / "noida-db", "noida-db")
        options = ("--data-dir", str(data), "--host", HOST, "--only", "kafka", "--kafka-port", str(port))
        return Service(
            name="kafka",
            argv=(program, "start", *options),
            ports=(port,),
            ready=KafkaProbe(port),
            folders=(data,),
            note=f"noida-db, an emulation: {'; '.join(self.gaps)}",
        )


PROVIDERS: dict[str, KafkaProvider] = {"noida": NoidaProvider(), "apache": ApacheProvider()}


def provider(site: Site) -> KafkaProvider:
    """Return the provider the profile chose. Raises UsageError for an unknown name."""
    kafka_choice.check(site.kafka_provider)
    return PROVIDERS.get(site.kafka_provider, PROVIDERS["noida"])


def build(site: Site) -> Service:
    """Return the broker of the chosen provider."""
    return provider(site).build(site)


def bootstrap(site: Site) -> str:
    """Return `host:port` for clients."""
    return f"{HOST}:{site.ports['kafka']}"
