"""Effects on processes."""
