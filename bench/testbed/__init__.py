"""What the tests and the soak both stand on: real servers and Sentinels, and a network that misbehaves as told.

Used from a checkout, and no part of the package that is installed. Knows nothing of ``txredis_fast``.
"""
