"""`make bench`: what rigd costs on this machine, beside jack_capture and ecasound. Prints, asserts nothing."""
