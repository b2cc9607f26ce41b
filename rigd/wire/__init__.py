"""The ends of wires: rigd's own sockets, their messages, locks and folders; MIDI and serial ports; OSC."""
