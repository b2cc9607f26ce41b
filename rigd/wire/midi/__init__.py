"""MIDI ports and messages, for whoever is above: surfaces, preamps, faces."""
