"""Pure words and rules of the rig: no I/O, no threads, no clocks, no files."""
