"""What the user is told in one line."""


class BenchError(Exception):
    """Something that the user can mend."""
