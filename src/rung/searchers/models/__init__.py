"""Models of the loss as a function of the configuration: a Gaussian process, and what is asked of it."""
