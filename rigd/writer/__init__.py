"""The writer process: it follows the tape and writes the takes that are open."""
