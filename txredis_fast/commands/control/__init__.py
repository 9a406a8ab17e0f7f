"""Commands on connections and servers: scripting, publishing, login, administration, clusters, Sentinel."""

from __future__ import annotations

from .acl import ACLCommands
from .catalogue import CatalogueCommands
from .clients import ClientCommands
from .cluster import ClusterCommands
from .config import ConfigCommands
from .connection import ConnectionCommands
from .functions import FunctionCommands
from .inspection import InspectionCommands
from .pubsub import PubSubCommands
from .scripting import ScriptingCommands, hash_of_script, hash_of_text
from .sentinel import SentinelCommands
from .server import ServerCommands

__all__ = [
    "ACLCommands",
    "CatalogueCommands",
    "ClientCommands",
    "ClusterCommands",
    "ConfigCommands",
    "ConnectionCommands",
    "FunctionCommands",
    "InspectionCommands",
    "PubSubCommands",
    "ScriptingCommands",
    "SentinelCommands",
    "ServerCommands",
    "hash_of_script",
    "hash_of_text",
]
