"""The honest winner: which trials are run again on fresh seeds, and what their runs allow to claim."""
