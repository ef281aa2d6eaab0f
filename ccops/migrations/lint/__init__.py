"""What a migration would do, read from its file: nothing of it runs, except to render SQL for squawk."""
