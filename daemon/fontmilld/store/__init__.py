"""Effects on disk."""
