"""Worker processes of this machine: what runs in one, and the coordinator's side of it."""
