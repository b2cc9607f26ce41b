"""Sessions, songs and takes on disk: folders are the truth, the index only finds them faster."""
