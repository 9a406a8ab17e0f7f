"""Makes visits.py a command of twistd: twistd --nodaemon visits --redis redis://localhost:6379 (in examples/twistd)."""

from twisted.application.service import ServiceMaker

serviceMaker = ServiceMaker("visits", "visits", "A web service that counts visits in Redis", "visits")
