"""The far end of every wire: what rigd is connected to, in software. rigd itself never imports it."""
