"""Control devices, one file a kind: what people touch, and where they see the rig."""
