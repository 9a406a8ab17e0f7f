"""Commands on connections and servers: scripting, publishing, login, administration, Sentinel."""

from __future__ import annotations

from .connection import ConnectionCommands
from .pubsub import PubSubCommands
from .scripting import ScriptingCommands, hash_of_text
from .sentinel import SentinelCommands
from .server import ServerCommands

__all__ = [
    "ConnectionCommands",
    "PubSubCommands",
    "ScriptingCommands",
    "SentinelCommands",
    "ServerCommands",
    "hash_of_text",
]
