"""Benches of the stack and the command line: `python -m tests.bench`. Never collected by pytest."""
