"""Parameters that txredisapi's methods do not have, and that may be given by position."""

from __future__ import annotations

#: What these methods take in addition, which txredisapi's calls never give: redis-py's calls, and options. ``set`` has
#: its options by position, too, because keyword-only ones make each call slower.
ADDITIONS = {
    "set": "keepttl=False, get=False, exat=None, pxat=None, ex=None, px=None, nx=False, xx=False, ifeq=None",
    "exists": "*keys",
    "hmget": "*more",
    "hdel": "*more",
    **dict.fromkeys(("lpop", "rpop", "spop", "srandmember"), "count=None"),
    "hset": "mapping=None",
    "info": "*sections",
}

#: Parameters that have a default here, because an addition needs it.
DEFAULTS = {"hset": ("field", "value"), "zadd": ("member",)}
