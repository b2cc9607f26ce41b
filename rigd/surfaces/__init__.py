"""Control devices, one folder a kind, found by entry point: what people touch, and where they see the rig."""
