"""What tests stand on: fake transports, scripted servers, real servers and Sentinels, a network with faults, the soak.

Used from a checkout, and no part of the package that is installed. Its name is ``testbed``: pytest and ``bench`` put
``tests`` on the path. It knows neither tests nor ``bench``; both know it. What runs servers and breaks networks
(``servers``, ``sentinels``, ``proxy``, ``tls``, ``ways``, ``client``, ``wire``) knows nothing of ``txredis_fast``.
"""
