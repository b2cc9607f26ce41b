"""The config: TOML to frozen objects, read once, every error at once with its line."""
