"""The migration gate: one head, no drift, known locks, a way back."""
