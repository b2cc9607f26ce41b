"""Boxes on a serial port, with faders, buttons, lamps and displays: kind = "serial"."""
