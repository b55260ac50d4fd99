"""One thin file per command: a signature and a call."""
