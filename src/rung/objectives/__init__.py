"""What runs, wherever it runs: objectives, trials, attempts, checkpoints, and the guard."""
