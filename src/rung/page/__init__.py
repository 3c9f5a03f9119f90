"""The page of a study: live from a server on this machine, or as one file. It only reads the log."""
