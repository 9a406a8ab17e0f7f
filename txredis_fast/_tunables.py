"""Sizes and times that are choices: each with its unit in its name, and why it has that value.

What a program may set is an option (:mod:`txredis_fast.options`), and what a protocol or an operating system prescribes
stands where it is used. The compiled modules have constants of their own for the sizes of C arrays.

This module must not know anything.
"""

from __future__ import annotations

from typing import Final

# -- connecting

#: Seconds for one attempt to connect, for the handshake after it, and for a connection beyond the pool's, where the
#: program sets none. Twisted's endpoints and txredisapi have the same.
CONNECT_TIMEOUT_SECONDS: Final = 30
#: The same for a connection that Sentinels find. Shorter, because the address of a lost master is soon another one.
SENTINEL_CONNECT_TIMEOUT_SECONDS: Final = 10.0
#: Seconds for one attempt over an endpoint of the program's own. Twice as long, because such an endpoint usually has a
#: time limit itself, which is to come first.
PROGRAM_ENDPOINT_TIMEOUT_SECONDS: Final = 60.0
#: Seconds until the next attempt to connect where the factory's own ``retryDelay`` raises. Long, because each attempt
#: logs a traceback.
FALLBACK_RETRY_SECONDS: Final = 10.0

# -- writing

#: Bytes of a batch, pipeline or transaction written at a time: as many as Twisted buffers before it pauses a producer.
WRITE_CHUNK_BYTES: Final = 64 * 1024
#: Bytes given to the socket in the turn in which they are sent. More is left to the reactor, which writes in slices.
DIRECT_WRITE_MAX_BYTES: Final = 64 * 1024
#: With more requests in flight, a command is likely to be one of a burst. Those of one turn are then written together,
#: which saves system calls; below that, the server gets each at once.
BURST_MIN_REQUESTS: Final = 64
#: With more requests in flight, other connections of the pool take a share. Below that, writing and reading less at a
#: time over several sockets costs more than it brings.
BUSY_MIN_REQUESTS: Final = 256

# -- reading

#: With more requests in flight, received data may complete so many replies that it is parsed in slices of time.
FLOOD_MIN_REQUESTS: Final = 1000
#: Bytes parsed between two looks at the clock: some hundred of the shortest replies, a small part of a slice.
REPLY_CHUNK_BYTES: Final = 2 * 1024
#: Seconds that one turn of the reactor spends on parsing replies and on their callbacks; the rest waits for later
#: turns. A turn costs about 0.1 ms, so that this wastes less than 1 %.
REPLY_SLICE_SECONDS: Final = 0.02
#: Received data of at least so many bytes may belong to a large value, whose rest is then received directly into its
#: place. Twisted reads 64 KiB at a time at most; a small reply is shorter than this.
DIRECT_READ_MIN_BYTES: Final = 16 * 1024
#: Bytes of a large value received in one turn of the reactor: about a millisecond of work.
DIRECT_READ_TURN_BYTES: Final = 1024 * 1024
#: Bytes from which on a bulk string is filled as its chunks come; shorter ones wait in the parser's buffer. One read of
#: Twisted has as many at most.
LARGE_BULK_BYTES: Final = 64 * 1024
#: When so many bytes of a large value have come, memory for all of it is taken at once. Before, a header alone must not
#: make the client take gigabytes.
TRUSTED_BULK_BYTES: Final = 1024 * 1024
#: Bytes that the pure-Python parser splits at once. It begins with few, because the run of short strings may end soon,
#: and takes four times as many each time.
FIRST_SPLIT_BYTES: Final = 512
#: The most bytes that it splits at once.
LAST_SPLIT_BYTES: Final = 32 * 1024

# -- replies of a hostile server

#: Bytes that a set counts in ``max_buffered`` beside the bytes received. On the wire it may have a few, and in memory
#: it is large; with this and the next two, no reply takes more than 25 times the memory that it counts.
SET_COST_BYTES: Final = 200
#: Bytes that a map or an attribute counts.
MAP_COST_BYTES: Final = 100
#: Bytes that an error counts.
ERROR_COST_BYTES: Final = 100
#: Levels of nesting inside a map key or a set element. Python's own ``hash()`` is recursive.
KEY_MAX_DEPTH: Final = 32
#: Aggregates among the map keys or set elements of one collection. Python hashes tuples without a secret, so that a
#: server could make all of them collide.
KEY_MAX_AGGREGATES: Final = 1000
#: The same in all collections of a reply. That to COMMAND has 1,500 under RESP3, key specs in sets, without modules.
REPLY_MAX_KEY_AGGREGATES: Final = 10_000
#: Different numbers with the same hash in one collection. More do not occur by chance; as keys they would take a time
#: that grows with their square.
SAME_HASH_MAX_KEYS: Final = 32
#: Keys examined between two looks at the clock, when keys of the same hash are searched.
SAME_HASH_PART_KEYS: Final = 10_000
#: Codes of error replies that are counted one by one in ``rc.stats()``. Servers have about 30; scripts may make any
#: number of others.
ERROR_CODES_COUNTED: Final = 64
#: Characters of such a code that are kept: no server has a longer one.
ERROR_CODE_MAX_CHARACTERS: Final = 32

# -- work that is cut over turns of the reactor

#: Seconds that one turn of the reactor spends on a long conversion or on firing many Deferreds. A single step comes on
#: top, as where a set of a million elements grows, or the garbage collector examines a million tuples.
WORK_SLICE_SECONDS: Final = 0.005
#: A list of more elements is converted in many turns, where its converter can do so: 1 to 5 ms of work.
LONG_REPLY_MIN_ELEMENTS: Final = 50_000
#: Elements of a list converted between two looks at the clock: 0.2 to 0.5 ms. Even, so that no pair is cut.
LIST_PART_ELEMENTS: Final = 10_000
#: Elements of EXEC's reply, and elements of these, converted between two looks at the clock. Each command has a
#: converter of its own, which takes longer.
EXEC_PART_ELEMENTS: Final = 5000
#: The Deferreds of a pipeline of more commands fire in as many turns as they need: 1 ms, with trivial callbacks.
LONG_PIPELINE_MIN_COMMANDS: Final = 5000
#: Deferreds of a pipeline fired between two looks at the clock: 0.1 ms, with trivial callbacks.
PIPELINE_PART_COMMANDS: Final = 500
#: When a connection with more requests in flight is lost, they fail in as many turns as they need. An errback takes
#: about six times as long as a callback.
FAIL_IN_TURNS_MIN_REQUESTS: Final = 1000
#: Requests failed between two looks at the clock: 0.1 ms, with trivial errbacks.
FAIL_PART_REQUESTS: Final = 100
#: Callers waiting for a connection that are served in one turn of the reactor, before replies and timers get their
#: turn.
WAITERS_PER_TURN: Final = 1000
#: Frames of the Python stack that have to be left where a connection is handed over to a caller.
LENDING_STACK_DEPTH: Final = 50

# -- time limits of commands

#: The longest time limit in seconds: thirty years, which no reactor's clock chokes on.
MAX_TIMEOUT_SECONDS: Final = 1e9
#: Seconds left for the reply to a command whose time was up when it could be sent: 0 would mean no limit.
MIN_TIMEOUT_SECONDS: Final = 0.001
#: Seconds after the end of its own time limit until a blocking command is given up, where there is no ``replyTimeout``:
#: for the network, and for a busy server.
BLOCKING_SLACK_SECONDS: Final = 10.0
#: Seconds by which the timer of a deadline may be late before a long turn of the program is taken for the reason.
LATE_TURN_SECONDS: Final = 0.05
#: Seconds that replies get at most after a long turn of the program, in which nothing could be sent or received.
MAX_GRACE_SECONDS: Final = 1.0
#: How often a reply gets as much: a program whose turns are always long has time limits, too.
MAX_GRACES: Final = 3
#: Bytes that may have lain in a socket when a deadline passed; data after these came later. Kernels are not set up for
#: larger buffers.
SOCKET_BUFFER_MAX_BYTES: Final = 64 * 1024 * 1024

# -- waiting for connections, keeping and ending them

#: Seconds until the line of waiting callers is checked again, where an exception interrupted a check.
RECHECK_WAITERS_SECONDS: Final = 1.0
#: Seconds until a connection with nothing in flight that does not close is aborted: the peer has nothing left to send.
IDLE_CLOSE_SECONDS: Final = 5.0
#: Seconds for which an idle connection for blocking commands is kept, where a program has set ``blockingIdleTime`` to a
#: value of a wrong type: that option's default.
BLOCKING_IDLE_SECONDS: Final = 30.0
#: Seconds until CLIENT UNBLOCK is sent again, because the command was not blocked yet; twice as long each time.
UNBLOCK_DELAY_SECONDS: Final = 0.01
#: How often it is sent: over 2.5 seconds, then the connection is closed.
UNBLOCK_MAX_TRIES: Final = 8
#: How often the timer for the health of a pool's connections rings, at most, while each of them is examined once. More
#: would spread the PINGs better, and cost more turns of the reactor.
HEALTH_TURNS: Final = 16
#: Seconds without data until TCP sends a probe, at most: Linux allows no more.
KEEPALIVE_MAX_IDLE_SECONDS: Final = 32_767
#: Probes of TCP without an answer until a link is lost.
KEEPALIVE_PROBES: Final = 3
#: Seconds that a transaction is taken to need at least, when the pause before its next run is chosen: a shorter run
#: says little about how long others need.
TRANSACT_MIN_RUN_SECONDS: Final = 0.001
#: Seconds of the longest pause before a transaction is run again.
TRANSACT_MAX_PAUSE_SECONDS: Final = 10.0
#: SHA1 digests of scripts that a connection or pool remembers, 90 bytes each. Each further one displaces another, whose
#: script is sent once more.
SCRIPT_HASHES_KEPT: Final = 10_000
#: Names of commands, as a program spells them, that ``execute_command`` of a handler need not examine again. Programs
#: use few; after these, each call is examined.
PLAIN_NAMES_KEPT: Final = 1000
#: Scripts whose SHA1 digest is kept with their text, for the next ``eval``. Programs have few.
SCRIPTS_KEPT: Final = 64
#: Characters of a script that is kept so; longer ones are hashed each time.
SCRIPT_CACHE_MAX_BYTES: Final = 16 * 1024

# -- subscriptions

#: Messages of a subscriber that may wait or be in work, where the program says nothing: some seconds of a busy channel,
#: and a few MiB of usual messages.
PENDING_MESSAGES_KEPT: Final = 1000
#: Seconds until a subscription has to be confirmed, reconnections included, without a ``replyTimeout``; as long as a
#: command waits for a connection.
CONFIRMATION_SECONDS: Final = 30.0
#: Seconds until overdue replies are looked for again where reading is paused, without a ``replyTimeout``.
RECHECK_PAUSED_SECONDS: Final = 5.0
#: Seconds of reading without a pause after which a connection has received what had piled up.
CAUGHT_UP_SECONDS: Final = 1.0

# -- consumers of streams

#: Pending entries that a consumer lists at once: a reply of some KiB.
STREAM_PAGE_ELEMENTS: Final = 100
#: Entries in work that a consumer renews at once: some ms of the server.
STREAM_RENEWAL_COMMANDS: Final = 500
#: Lowest ``claim_idle``: a third of it must be longer than a usual turn of a busy reactor.
STREAM_CLAIM_MIN_MILLISECONDS: Final = 100

# -- Sentinels

#: Seconds that other Sentinels get to be connected to, when one has answered that it knows no usable server. After the
#: loss of a whole machine, its own Sentinel must not hold up those that have the new master a moment later.
SENTINEL_GRACE_SECONDS: Final = 1.0
#: Questions to the Sentinels that all factories of one ``Sentinel`` may put in a burst.
SENTINEL_QUESTION_BURST: Final = 10
#: Questions per second after that: a fail-over takes longer.
SENTINEL_QUESTIONS_PER_SECOND: Final = 10.0
#: Connections of one pool that connect at the full pace while there is no master. The attempts of a larger pool are
#: spread over a longer time, so that they do not flood Sentinels and the new master.
SENTINEL_CROWD_CONNECTIONS: Final = 16

# -- texts

#: Characters of a wrong value that an error shows: two lines.
SHOWN_VALUE_MAX_CHARACTERS: Final = 200
#: Shorter secrets are not searched for in texts: they would be found everywhere.
SECRET_MIN_CHARACTERS: Final = 6
#: Bytes of a secret at an end of a fragment of received data that are taken for a part of it.
SECRET_PART_MIN_BYTES: Final = 4
#: Characters shown of an error reply that answers no command: two lines of a log.
UNASKED_ERROR_MAX_CHARACTERS: Final = 240
#: Characters of a command's name that a hook is given. No command has a longer one, but a program may send anything.
COMMAND_NAME_MAX_CHARACTERS: Final = 64

# -- client-side caching

#: Bytes of a key that replies are kept of; those of longer keys are read each time.
CACHED_KEY_MAX_BYTES: Final = 16_384
#: Views that a cache keeps, one for each time to live; a program computes few of them.
CACHED_VIEWS_KEPT: Final = 64
#: Number of invalidations after which it is looked at how many of the entries were never read again.
CACHE_CHURN_COUNTED: Final = 1000

# -- servers for tests

#: Commands of clients that a ``FakeServer`` keeps for the test to examine.
FAKE_SERVER_COMMANDS_KEPT: Final = 10_000
#: Seconds that an embedded server gets to start: it takes 0.1 s, and a busy machine a hundred times as long.
SERVER_START_SECONDS: Final = 10.0
#: Ports that are tried: another process may take a free port before the server binds it.
SERVER_PORT_TRIES: Final = 20
#: Seconds that an embedded server gets to reply to a command of the test.
SERVER_REPLY_SECONDS: Final = 10.0
#: Seconds in which the end of a process is noticed after its connections are lost.
SERVER_END_SECONDS: Final = 0.5
