"""The controller that owns the rig's state, and what brings it input and shows what it says."""
