"""What a service promises its callers, and whether a new version still keeps it."""
