"""Models of the loss as a function of the configuration."""
