"""MIDI foot controllers, and whatever else sends MIDI: kind = "midi"."""
