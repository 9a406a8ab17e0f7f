"""What tests stand on: fake transports, scripted servers, real servers and Sentinels, a network with faults, the soak.

Used from a checkout, and no part of the package that is installed. Tests import it as ``testbed``, because pytest puts
``tests`` on the path; programs import it as ``tests.testbed``. It knows neither tests nor ``bench``; both know it.
``servers``, ``sentinels``, ``proxy``, ``tls`` and ``ways`` know nothing of ``txredis_fast``.
"""
