"""What a take's files are made of: BWF/RF64 and its chunks, the journal, folders; what closes them after a crash."""
