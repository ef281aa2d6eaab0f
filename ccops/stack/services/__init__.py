"""The services of the embedded stack: one builder a module, each returns a `Service`."""
