"""One line of an env file is changed, and nothing else; or nothing at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile, Project, load_profile
from ccops.rules.tune.model import Condition, Knob, Proposal, Verdict
from ccops.rules.tune.propose import Wishes, propose
from ccops.rules.tune.write import check_allowed, check_moves, edited, write
from ccops.rules.values import Kind
from tests.tune_kit import example

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def proposal() -> Proposal:
    """From 10 to 30."""
    knob = Knob("Spike", "dev", "ALERT_SPIKE", Decimal(10), Kind.INT, Decimal(1), Decimal(1000))
    found = propose(example(), knob, Condition(">", 120), Wishes())
    assert found.proposed == 30
    return found


def test_comments_and_neighbours_stay_as_they_are(proposal: Proposal) -> None:
    text = "# head\nA=1\n\n# why ten\nALERT_SPIKE=10\n# tail\nB= 2 \n"
    assert edited(text, proposal, NOW) == (
        "# head\nA=1\n\n# why ten\n"
        "# tuned ALERT_SPIKE 2026-11-30: Spike over 14 days, 3 page(s), all alike from 20 to 40, was 10\n"
        "ALERT_SPIKE=30\n# tail\nB= 2 \n"
    )


def test_the_comment_of_the_last_tuning_is_replaced(proposal: Proposal) -> None:
    once = edited("ALERT_SPIKE=10\n", proposal, NOW)
    again = edited(once, replace(proposal, proposed=Decimal(40)), NOW, "told\nby ops")
    assert again.count("# tuned ") == 1
    assert again.endswith("was 10; told by ops\nALERT_SPIKE=40\n")


def test_line_ends_exports_and_missing_lines(proposal: Proposal) -> None:
    assert edited("export ALERT_SPIKE=10\r\nB=1\r\n", proposal, NOW).count("\r\n") == 3
    assert "export ALERT_SPIKE=30\r\n" in edited("export ALERT_SPIKE=10\r\nB=1\r\n", proposal, NOW)
    behind = edited("ALERT_A=1\nAPP_ENV=dev\n", proposal, NOW).splitlines()
    assert (behind[0], behind[2], behind[3]) == ("ALERT_A=1", "ALERT_SPIKE=30", "APP_ENV=dev")
    assert edited("A=1\n", proposal, NOW).endswith("ALERT_SPIKE=30\n")
    assert edited("ALERT_SPIKE_OTHER=5\nALERT_SPIKE=10", proposal, NOW).startswith("ALERT_SPIKE_OTHER=5\n#")


def test_writing_renders_again_and_keeps_the_mode(dev: Profile, proposal: Proposal) -> None:
    path = dev.project.root / "env" / "dev.env"
    path.chmod(0o640)
    checked: list[str] = []
    done = write(dev, [proposal], NOW, recheck=lambda profile: checked.append(profile.get("ALERT_SPIKE")))
    assert checked == ["30"]
    assert path.read_text() == done.after
    assert path.stat().st_mode & 0o777 == 0o640
    assert load_profile("dev", dev.project, {}).get("ALERT_SPIKE") == "30"
    assert [one.name for one in path.parent.iterdir() if one.name.startswith(".")] == []


def test_an_env_file_that_is_a_link_stays_one(dev: Profile, proposal: Proposal) -> None:
    link = dev.project.root / "env" / "dev.env"
    kept = link.rename(dev.project.root / "kept.env")
    link.symlink_to(kept)

    write(dev, [proposal], NOW)

    assert link.is_symlink() and "ALERT_SPIKE=30\n" in kept.read_text()


def test_what_does_not_hold_afterwards_is_put_back(dev: Profile, proposal: Proposal) -> None:
    path = dev.project.root / "env" / "dev.env"
    before = path.read_bytes()

    def no(_: Profile) -> None:
        raise Refused("NO", "no")

    with pytest.raises(Refused):
        write(dev, [proposal], NOW, recheck=no)
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match="threshold"):
        write(dev, [replace(proposal, proposed=Decimal(5000))], NOW)
    assert path.read_bytes() == before


def test_what_somebody_else_changed_is_not_written_over(dev: Profile, proposal: Proposal) -> None:
    path = dev.project.root / "env" / "dev.env"

    def meddle(_: Profile) -> None:
        path.write_text("CCOPS_STACK=external\n")
        raise Refused("NO", "no")

    with pytest.raises(UsageError, match="somebody else"):
        write(dev, [proposal], NOW, recheck=meddle)
    assert path.read_text() == "CCOPS_STACK=external\n"


@pytest.mark.parametrize(
    ("confirm", "reason"),
    [("", ""), ("prod:Spike", ""), ("", "why"), ("dev:Spike", "why"), ("prod", "why"), ("prod:Other", "why")],
)
def test_a_protected_profile_wants_name_and_reason(
    project: Project, proposal: Proposal, confirm: str, reason: str
) -> None:
    prod = load_profile("prod", project, {})
    with pytest.raises(Refused, match="protected") as caught:
        check_allowed(prod, [proposal], confirm, reason)
    assert "--confirm prod:Spike" in caught.value.next_step
    check_allowed(prod, [proposal], "prod:Spike", "why")
    check_allowed(load_profile("dev", project, {}), [proposal], "", "")


def test_large_and_contradicting_moves_are_refused(proposal: Proposal) -> None:
    assert proposal.verdict is Verdict.RAISE
    with pytest.raises(Refused, match="double"):
        check_moves([proposal], force=False)
    check_moves([proposal], force=True)
    with pytest.raises(Refused, match="several alerts"):
        check_moves([proposal, replace(proposal, rule="Other", proposed=Decimal(15))], force=True)
