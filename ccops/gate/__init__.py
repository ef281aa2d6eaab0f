"""What CI asks: a registry of checks, stages, evidence files and the scorecard."""
