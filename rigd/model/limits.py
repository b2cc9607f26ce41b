"""Every limit on what is typed, kept in memory for somebody, and sent: one table, because they depend on each other.

What may be said of a take is bounded, so that what is said *about* takes can be bounded, too: each sender's longest
line is shorter than what its reader takes, and shorter than what may wait for that reader. The test of this table
(tests/faults/test_t25_limits.py) builds the longest of each and sends it.
"""

from __future__ import annotations

# What a person may say, in characters.
LONGEST_NAME = 200
LONGEST_NOTE = 4000
MOST_NOTES = 200
LONGEST_NOTES = 32_000
"""All notes of a take together: every order, note and report about it carries them."""
MOST_MARKERS = 9_999
"""Of one take: bounds what a stuck control or a loop on the network can pile up."""
LONGEST_ORIGIN = 40
HIGHEST_RATING = 5
HIGHEST_NUMBER = 99_999
"""Of a take."""

# What a preamp may say of one channel: whoever asks for the state is told it of all.
MOST_SETTINGS = 10
LONGEST_SETTING_NAME = 24
LONGEST_CHOICE = 40
"""A word of a setting that is one of several."""
LONGEST_ABILITIES_BYTES = 600
"""All that the settings of a channel can be, as JSON."""

# What the state says of a config that was read again.
MOST_CONFIG_LINES = 100
"""Of each kind: taken up, waiting, wrong."""
LONGEST_CONFIG_LINE = 500

# Between rigd's own processes, in bytes.
LONGEST_LINE_BYTES = 32 << 20
"""A line beyond this is not ours: the reader gives the link up. The longest is a report of 30 open takes of 256
tracks with the longest names and notes; that of one take of 64 channels has 20 kB."""
MOST_UNSENT_BYTES = 64 << 20
"""What a process may have to say to another one that does not read, before it takes it for stuck."""
MOST_GAPS_TOLD = 1000
"""Of each take of a report, the last ones; the journal has all of them."""
MOST_TRACKS_TOLD = 2048
"""Of all takes of a report together, but that all which are open are in it."""
NOTES_OF_A_TRACK = 50
"""So many characters of notes weigh as much in a report as a track."""

# The control socket, in bytes.
LONGEST_REQUEST_BYTES = 64 << 10
LONGEST_ANSWER_BYTES = 2 << 20
"""Whatever would be longer is told in parts, in brief, or not at all. Far less than a client reads."""
BRIEF_BYTES = 384 << 10
"""What an answer says of takes, when it speaks of the whole rig."""
LISTS_OF_TAKE_BYTES = 64 << 10
"""What it says of the markers, gaps and notes of one of them: the newest."""
PART_BYTES = 256 << 10
"""A part of an answer that comes in parts."""
MOST_AUDIT_ENTRIES = 200
"""Of one answer."""
MOST_WAITING_BYTES = 4 << 20
"""What may wait for a client that does not read; two of the longest answers."""
SERVED_BELOW_BYTES = MOST_WAITING_BYTES - LONGEST_ANSWER_BYTES
"""A client for which more waits is asked to read before its next request is looked at."""
MOST_CHANGES = 4096
"""Of the state, kept for those who come back; one who was away for longer gets a snapshot."""
MOST_CHANGES_BYTES = 8 << 20
MOST_DISCARDED_NAMES = 16
"""Of so many discarded takes, the last ones, it is known what they are called."""
MOST_RETRIES = 256
"""Answers of one principal that are kept for a request that comes a second time."""
LONGEST_RETRY_KEY = 64

# The control socket, in clients.
MOST_CLIENTS = 32
MOST_WATCHERS = 24
"""Clients that are told what happens. The rest of the places is for those who command and ask."""
MOST_GUESTS = 16
"""Clients of other users than the rig's own and root, where the rig's folder lets them in."""
