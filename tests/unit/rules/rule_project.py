"""A project with one small rule file, for tests that break it."""

from pathlib import Path

from ccops.core.profile import Project

THRESHOLDS = """\
ALERT_A:
  type: int
  unit: things
  min: 0
  max: 1000
  order: up
  defaults: {dev: 20, prod: 30}
  used_by: [Busy]
  help: A thing.
"""
RULES = """\
groups:
  - name: things
    rules:
      - alert: Busy
        expr: |
          sum(increase(things_total[<< window("5m") >>]))
          > << ALERT_A >>
        for: << hold("2m") >>
        labels:
          severity: warning
        annotations:
          summary: 'more than << ALERT_A >> of {{ $labels.job }}'
"""


def project_in(folder: Path, *, rules: str = RULES, prod: str = "", dev: str = "") -> Project:
    """Write a project into `folder` and return it."""
    for name in ("scenarios", "env", "rules_templates/rules"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "env" / "dev.env").write_text(f"CCOPS_PROTECTED=0\n{dev}", encoding="utf-8")
    (folder / "env" / "prod.env").write_text(f"CCOPS_PROTECTED=1\n{prod}", encoding="utf-8")
    (folder / "rules_templates" / "thresholds.yml").write_text(THRESHOLDS, encoding="utf-8")
    (folder / "rules_templates" / "rules" / "things.yml.j2").write_text(rules, encoding="utf-8")
    return Project(folder, folder / ".ccops")
