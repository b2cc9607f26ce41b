"""The capture process: it opens the interface and lets the tape's C core hear it, and does nothing else."""
