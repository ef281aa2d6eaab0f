"""The env files: required keys, types and ranges, how profiles differ, what a running backend really uses."""
