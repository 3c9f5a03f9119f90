"""The `rung` command: run, resume and look at studies."""
