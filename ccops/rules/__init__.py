"""Alert rules: typed thresholds, rendered, checked, unit-tested, applied and verified, retuned."""
