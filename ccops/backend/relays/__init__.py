"""The outbox's two sinks, each with its own mark: neither delays the other."""
