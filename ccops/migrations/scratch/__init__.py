"""What only a real PostgreSQL can tell: drift, the way back, and the locks; on databases made for it."""
