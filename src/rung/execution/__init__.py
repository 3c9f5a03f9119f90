"""Where objectives run: executors, which also own the clock."""
