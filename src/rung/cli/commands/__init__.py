"""One file for each command of `rung`, named after it: a new file is a new command."""
