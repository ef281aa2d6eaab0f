"""From a reviewed plan to an outcome: the lock, what was left over, a last look, then the write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ccops.core.errors import CcopsError, Degraded
from ccops.kafka import journal
from ccops.kafka.apply import Outcome, perform
from ccops.kafka.guard import check_fresh, wait_idle
from ccops.kafka.look import look
from ccops.kafka.plan import Plan
from ccops.kafka.recover import recover_all
from ccops.kafka.run import Context


def execute(context: Context, plan: Plan, action: str = "reset") -> Outcome:
    """Execute `plan` under the lock. Raises Refused before the write, Degraded or Unreachable after it."""
    who = context.who(action)
    with journal.locked(context.folder, who):
        notes = recover_all(context)
        context.tell(f"run {who.run_id}")
        if context.options.wait_s:
            wait_idle(context.broker, plan.group, context.options.wait_s)
        observed = look(context, plan)
        check_fresh(plan, observed)
        if not plan.moving:
            return Outcome(who.run_id, action, plan, "nothing to change", notes=notes)
        done = perform(context, plan, who, action, observed)
    return replace(done, notes=(*notes, *done.notes))


def recover_first(context: Context) -> tuple[str, ...]:
    """End interrupted runs before anything is planned: a plan made over a half-written group is stale."""
    with journal.locked(context.folder, context.who("recover")):
        return recover_all(context)


def execute_all(context: Context, plans: Sequence[Plan], action: str = "reset") -> tuple[Outcome, ...]:
    """Execute the plans one after the other; the first that fails stops the rest, and that is said."""
    if len(plans) > 1 and not context.options.wait_s:
        for plan in plans:  # nothing is written while any of them could be refused
            check_fresh(plan, look(context, plan))
    done: list[Outcome] = []
    for plan in plans:
        try:
            done.append(execute(context, plan, action))
        except CcopsError as error:
            if not done:
                raise
            raise _stopped(error, done, plans) from error
    return tuple(done)


def _stopped(error: CcopsError, done: list[Outcome], plans: Sequence[Plan]) -> CcopsError:
    waiting = [plan.group for plan in plans[len(done) + 1 :]]
    lines = [
        error.evidence,
        *(f"{one.plan.group}: {one.ending}, snapshot {one.snapshot}" for one in done),
        *(f"{name}: not touched" for name in waiting),
    ]
    return Degraded(
        error.code,
        f"{len(done)} of {len(plans)} groups were moved, then: {error.message}",
        evidence="\n".join(line for line in lines if line),
        next_step=error.next_step,
    )
