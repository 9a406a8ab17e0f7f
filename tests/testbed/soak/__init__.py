"""A long run with faults: ``python -m tests.testbed.soak``.

Many users work on a server by way of a proxy that misbehaves, while the server is restarted, stopped and replaced.
Everything that they write names its key and its writer, so that a reply of somebody else is noticed at once.
"""
