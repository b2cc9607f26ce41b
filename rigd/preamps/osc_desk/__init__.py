"""A mixing desk that is set over OSC on UDP: the line to it, and what brings it to what was asked."""
