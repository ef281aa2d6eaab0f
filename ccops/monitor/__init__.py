"""Prove that metrics, rules and dashboards agree: dashboards, metric deltas, service level objectives."""
