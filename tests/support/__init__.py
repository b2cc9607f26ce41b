"""What tests and the benchmark share: JACK servers, a counter player, a running capture, needed tools.

`pytest` finds it as `tests.support` because the project's root is on the path.
"""
