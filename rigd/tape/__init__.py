"""The shared-memory tape: its C core, the writing end, cursors, holds, timeline and levels."""
