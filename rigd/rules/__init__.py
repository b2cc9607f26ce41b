"""The rig's rules: what each input does in each state. Pure: no I/O, threads, clocks or files. Face: `table.step`."""
