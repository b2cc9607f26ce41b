"""Preamps that rigd can set, one folder a kind, found by entry point; and what several kinds share."""
