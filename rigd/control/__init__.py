"""The controller that owns the rig's state, its control socket, and the links to rigd's other processes."""
