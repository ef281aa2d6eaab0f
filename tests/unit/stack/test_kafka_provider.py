"""Which broker runs is decided once, said, and refused in three lines where something is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile, Project, Value
from ccops.stack.paths import StateDir
from ccops.stack.service import Site
from ccops.stack.services import kafka_choice, kafka_jars
from ccops.stack.services.kafka_apache import ApacheProvider
from ccops.stack.site import choices_of


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("CCOPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return _with(tmp_path, "noida")


def _with(folder: Path, provider: str) -> Profile:
    values = {"CCOPS_STACK": Value("embedded", "test"), "CCOPS_KAFKA_PROVIDER": Value(provider, "test")}
    return Profile("dev", Project(folder, folder / "home"), values)


def _settle(profile: Profile, asked: str | None, *, runs: bool = False, known: bool = False) -> str:
    kafka_choice.settle(profile, asked, runs, known, lambda text: None)
    return choices_of(profile).kafka_provider


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Java, and a folder of jars that are taken for the pinned ones."""
    monkeypatch.setattr(kafka_jars, "java", lambda: "/usr/bin/java")
    monkeypatch.setattr(kafka_jars, "wrong", lambda jars: [])
    return kafka_jars.folder()


def test_the_emulation_runs_unless_somebody_asks(profile: Profile) -> None:
    assert _settle(profile, None) == "noida"


def test_a_running_broker_is_kept_and_another_one_refused(profile: Profile, at_hand: Path) -> None:
    at_hand.mkdir(parents=True)
    assert _settle(profile, "apache") == "apache"

    assert _settle(profile, None, runs=True, known=True) == "apache"
    assert _settle(profile, None, known=True) == "apache"  # stopped alone, started again
    with pytest.raises(Refused, match="the broker that runs is apache, not noida"):
        _settle(profile, "noida", runs=True, known=True)
    assert _settle(profile, None) == "noida"  # another life of the stack


def test_auto_takes_apache_only_where_it_is_at_hand_and_quick(
    profile: Profile, at_hand: Path, tmp_path: Path
) -> None:
    assert _settle(profile, "auto") == "noida"
    at_hand.mkdir(parents=True)
    assert _settle(profile, "auto") == "apache"

    state_dir = StateDir(profile.state_dir)
    kafka_choice.measure(state_dir, 30.0, warm=False)  # it formatted, too: says nothing
    kafka_choice.measure(state_dir, 4.1, warm=True)
    assert _settle(profile, "auto") == "noida"

    _settle(profile, "apache")
    kafka_choice.measure(state_dir, 3.9, warm=True)
    assert _settle(profile, "auto") == "apache"
    assert _settle(_with(tmp_path, "auto"), None) == "apache"


def test_no_java_is_refused_with_the_package(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(Refused) as caught:
        _settle(profile, "apache")

    assert caught.value.code == "JAVA_MISSING"
    assert "default-jre-headless" in caught.value.next_step
    assert kafka_choice.automatic()[0] == "noida"


def test_an_old_java_is_refused(profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Refused) as caught:
        kafka_jars.java()

    assert (caught.value.code, "11.0.2" in caught.value.evidence) == ("JAVA_MISSING", True)


def test_no_jars_and_no_maven_is_refused(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(Refused) as caught:
        kafka_jars.ensure(lambda text: None)

    assert caught.value.code == "MAVEN_MISSING"


def test_jars_that_are_not_pinned_are_not_kept(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text(
        "#!/bin/sh\nfor word; do case $word in"
        ' -DoutputDirectory=*) echo x > "${word#*=}/evil.jar";; esac; done\n'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(Refused) as caught:
        kafka_jars.ensure(lambda text: None)

    assert caught.value.code == "JARS_NOT_PINNED"
    assert list(kafka_jars.folder().parent.iterdir()) == []


def test_a_changed_jar_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_jars, "pins", lambda: {"a.jar": "0" * 64, "b.jar": "0" * 64})
    (tmp_path / "a.jar").write_text("x")
    (tmp_path / "c.jar").write_text("x")

    said = kafka_jars.wrong(tmp_path)

    assert said == ["b.jar is missing", "c.jar is not on the list", "a.jar has another SHA-256"]


def test_the_list_pins_kafka_in_the_version_of_the_pom() -> None:
    assert f"kafka-clients-{kafka_jars.version()}.jar" in kafka_jars.pins()
    assert all(len(digest) == 64 for digest in kafka_jars.pins().values())


def test_an_unknown_provider_is_a_usage_error(profile: Profile) -> None:
    with pytest.raises(UsageError, match="there is no Kafka provider 'tansu'"):
        _settle(profile, "tansu")


def test_apache_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)
    state_dir.create()
    state_dir.kafka.write_text(json.dumps({"provider": "apache", "java": "/j", "jars": str(tmp_path)}))

    service = ApacheProvider().build(Site("dev", tmp_path, {"kafka": 1, "kafka_controller": 2}, {}))

    conf = service.files[state_dir.conf("kafka.properties")]
    assert "listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2\n" in conf
    assert service.prepare is not None
    assert service.prepare.target == state_dir.data("kafka-apache")
