"""Rows of the namespaces of server modules, as a session with an empty server; and their tests."""
