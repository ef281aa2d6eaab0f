"""Consumer groups: their lag, and the careful ways to move them."""
