"""The writer process: take files, their journal, and the recovery of what a crash left open."""
