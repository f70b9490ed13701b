"""What a daemon's sockets are called, and how long a path they may have."""

CONTROL_SOCKET = "control.sock"
EVENTS_SOCKET = "events.sock"
MAX_SOCKET_PATH = 107
