"""Retune a threshold from history: replay the rule over what really happened, and look for a plateau."""
