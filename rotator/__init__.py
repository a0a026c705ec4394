"""The engine: replaces tokens in small steps, each of which survives a kill. It knows no provider and no SDK."""
