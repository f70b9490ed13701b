"""Effects on sockets."""
