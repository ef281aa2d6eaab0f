"""The entry point: find the noun, import only its module, map every ending to an exit code."""

import sys

# noun -> (module, one line of help). `--help` prints this table and imports nothing else.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("ccops.cli.up", "Start the stack on this machine and wait until it is ready."),
    "down": ("ccops.cli.down", "Stop the stack; data stays unless --wipe."),
    "status": ("ccops.cli.status", "Show what runs, where, since when and how well."),
    "logs": ("ccops.cli.logs", "Show the merged logs of the stack."),
    "restart": ("ccops.cli.restart", "Restart one service, optionally with settings changed."),
    "stack": ("ccops.cli.stack", "Write the stack as a file for docker stack deploy."),
    "smoke": ("ccops.cli.smoke", "Run scenarios: prove every system saw the same event."),
    "data": ("ccops.cli.data", "Prove that the stores hold what the contract says."),
    "redis": ("ccops.cli.redis", "Prove that every Redis key is declared and will expire."),
    "kafka": ("ccops.cli.kafka", "See how far consumers are behind, and move them safely."),
    "monitor": ("ccops.cli.monitor", "Prove that metrics, rules and dashboards agree."),
    "slo": ("ccops.cli.slo", "Hold the service to its objectives."),
    "metrics": ("ccops.cli.metrics", "Prove that what must be measured is measured."),
    "init": ("ccops.cli.init", "Lay out a project folder with a first profile for a stack of yours."),
    "env": ("ccops.cli.env", "Check, compare and show the profiles env/NAME.env."),
    "rules": ("ccops.cli.rules", "Turn thresholds into alert rules that provably fire."),
    "alerts": ("ccops.cli.alerts", "See what rings, and silence it for a while, in your name."),
    "gate": ("ccops.cli.gate", "Run every check of a stage: one table, one exit code, evidence."),
    "scorecard": ("ccops.cli.scorecard", "Say which maturity level the evidence proves."),
    "bench": ("ccops.cli.bench", "Measure the stack against its targets."),
    "openapi": ("ccops.cli.openapi", "Export the API's document and compare it by proof."),
    "contract": ("ccops.cli.contract", "Hold WebSocket frames and Kafka records to what was promised."),
    "lint": ("ccops.cli.lint", "Hold the source of a service against rules."),
    "alembic": ("ccops.cli.alembic", "Hold migrations to one head, no drift, known locks and a way back."),
    "explain": ("ccops.cli.explain", "Say what a code means and what to do about it."),
    "doctor": ("ccops.cli.doctor", "Name every reason why the stack could fail here."),
}

_HELP = """\
ccops: prove that a real-time game stack works, on real systems.

Examples:
  ccops smoke journey --up          start everything and walk a day in a user's life
  ccops status                      what runs, where and how well
  ccops smoke trace TRACE_ID        one event's path through all systems
  ccops down                        stop, keep the data

Commands:
{commands}

Common options:  --env NAME   -o text|json|yaml|md   --project DIR   -h
Exit codes:      0 ok, 1 negative, 2 usage, 3 refused, 4 unreachable, 5 degraded, 70 bug, 130 interrupted
"""


def main(argv: list[str] | None = None) -> int:
    """Run `ccops ARGV` and return its exit code (as a console script it is passed to sys.exit)."""
    args = sys.argv[1:] if argv is None else argv
    if not args or args[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_HELP.format(commands=_table()))
        return 0 if args else 2
    if args[0] in {"--version", "version"}:
        from ccops import __version__

        sys.stdout.write(f"ccops {__version__}\n")
        return 0
    try:
        from ccops.cli.run import run_noun

        return run_noun(args, COMMANDS, ends=argv is None)
    except KeyboardInterrupt:  # while importing, or while saying that the first one came
        sys.stderr.write("error[INTERRUPTED]: interrupted\n  while starting or ending\nnext: ccops status\n")
        return 130


def _table() -> str:
    width = max(len(noun) for noun in COMMANDS)
    return "\n".join(f"  {noun:<{width}}  {line}" for noun, (_, line) in COMMANDS.items())


if __name__ == "__main__":
    sys.exit(main())
