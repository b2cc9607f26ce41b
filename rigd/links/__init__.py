"""The daemon's ends of the links to rigd's other processes: their life, what is said to them, where all meet."""
