"""The machine that the rig runs on: commands of its owner's, and that it stays awake while a take rolls."""
