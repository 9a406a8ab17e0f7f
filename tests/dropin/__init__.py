"""The same calls through txredisapi and through this package, against the same server."""
