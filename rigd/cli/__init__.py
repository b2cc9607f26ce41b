"""The command line: one file a command group. It talks to a running daemon over its control socket."""

from rigd.cli import started as started  # first: everything else takes time to load
