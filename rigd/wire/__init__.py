"""Messages between rigd's own processes: one JSON object a line over a Unix stream socket."""
