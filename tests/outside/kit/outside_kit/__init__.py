"""Three kinds for rigd from outside of its house: see docs/kinds.md for what they may import."""
