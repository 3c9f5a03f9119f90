"""The decisions (engine), the loop (coordinator) and taking a study (recovery)."""
