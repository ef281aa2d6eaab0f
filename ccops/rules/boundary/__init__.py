"""Boundary tests: for every alert, data that stands exactly at its threshold and then just beyond."""
