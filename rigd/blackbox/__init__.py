"""The black box: the last minutes of all channels on disk, and the takes that are put together from them."""
