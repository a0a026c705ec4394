"""Real servers for the tests: one file each, started on free loopback ports by session fixtures.

``tests/servers/fixtures.py`` holds the fixtures; docs/testing.md says what each server needs. A server that cannot be
had skips its tests with the reason, and fails them when ``CI=true``.
"""
