"""Preamps that rigd can set, one file a kind, found by entry point; and what several kinds share."""
