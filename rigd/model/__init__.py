"""The words of the rig: what is said between its parts. Pure: no I/O, threads, clocks or files."""
