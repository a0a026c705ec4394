"""The tests. A package, so that they can share builders, servers and contracts by name."""
