"""The option tokens that no row sends, each with the reason. The list may only shrink.

The tokens of a command without a method are none of it: see :mod:`.without_method`.
"""

from __future__ import annotations

#: Reason -> commands, each with its tokens after a colon.
WITHOUT_ROW = {
    "it is the server's default, for which the method sends nothing": """
        CLIENT PAUSE: ALL; CLIENT UNBLOCK: TIMEOUT; SORT: ASC; SORT_RO: ASC
    """,
}

#: All of them: command and token.
TOKENS = [
    (command.strip(), token)
    for commands in WITHOUT_ROW.values()
    for command, _, tokens in (each.partition(":") for each in commands.split(";"))
    for token in tokens.split()
]
