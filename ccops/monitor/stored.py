"""The objectives that the database has a word in: balances, and keys that came again."""

from __future__ import annotations

from ccops.core.bundle import contract_folder
from ccops.core.errors import Unreachable
from ccops.core.profile import Profile
from ccops.monitor import facts
from ccops.monitor.facts import Facts
from ccops.monitor.history import History
from ccops.monitor.objectives import JOB, Outcome, Verdict

DATABASE = "CCOPS_DATABASE_URL"


def ask(profile: Profile) -> tuple[Facts | None, str, bool]:
    """Return what the database says; without it why, and whether it should have answered."""
    url = profile.get(DATABASE)
    if not url:
        return None, f"{DATABASE} is not set: only the service's own numbers are known", False
    try:
        return facts.read(url, contract_folder(profile)), "", False
    except Unreachable as error:
        return None, error.message, True


def negative_balances(history: History, found: Facts | None, note: str, silent: bool) -> Outcome:
    """No wallet is below zero now, nor was within the window, as the service's gauge says.

    Wallets are the samples; without the database the gauge is one, if it has been seen.
    """
    peak = history.peak(f'max(economy_negative_balance_users{{job="{JOB}"}})')
    seen = [float(found.negative)] if found else []
    seen += [peak] if peak is not None else []
    samples = found.wallets if found else int(peak is not None)
    value = max(seen, default=None)
    if value:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.PASS if value == 0 and samples and not silent else Verdict.INCONCLUSIVE
    if found and not found.negative and peak:
        note = f"none now, {peak:.0f} within the window"
    return Outcome(
        "negative_balances", "Wallets below zero", verdict, value, "<=", 0.0, "", samples, 1,
        f"now and {history.window.text}", "always 0", _source(found), note, silent,
    )  # fmt: skip


def idempotency(history: History, found: Facts | None, note: str, silent: bool) -> Outcome:
    """Every repeated key is answered with what its first call was answered with, and moved gold once.

    A key that comes with another purchase is refused. That is a client's mistake, or a service that takes a
    true repetition for another purchase: the counter can't tell, so that it is neither pass nor failure.
    """
    growth = history.growth(f'shop_idempotent_replay_total{{job="{JOB}"}}', by="result")
    match, mismatch = growth.get("match", 0.0), growth.get("mismatch", 0.0)
    total = match + mismatch
    value = 100 * match / total if total else None
    if found and found.broken_keys:
        verdict, note = Verdict.FAIL, f"{found.broken_keys} key(s) or purchases break their promise"
    elif mismatch or not total or silent:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.PASS
    if mismatch and verdict is not Verdict.FAIL:
        note = f"{mismatch:.0f} refused: the key came with another purchase"
    return Outcome(
        "idempotency", "Repeated keys answered alike", verdict, value, ">=", 100.0, "%", round(total), 1,
        history.window.text, "always 100", _source(found), note, silent,
    )  # fmt: skip


def _source(found: Facts | None) -> str:
    return "prometheus, postgres" if found else "prometheus"
