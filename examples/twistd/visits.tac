# twistd --nodaemon --python visits.tac        (in this directory; $REDIS_URL and $VISITS_LISTEN are its options)

import os

import visits
from twisted.application import service

application = service.Application("visits")
options = {"redis": None, "listen": os.environ.get("VISITS_LISTEN", visits.LISTEN)}
visits.makeService(options).setServiceParent(application)
