"""Prove that what the stores hold is what the contract says; nothing here writes."""
