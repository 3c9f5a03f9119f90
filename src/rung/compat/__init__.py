"""Other people's words for rung's parts: one module for each, loaded only if named."""
