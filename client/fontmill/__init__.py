"""fontmill: the thin client of the fontmill render service, and the vocabulary both sides share."""

from typing import TYPE_CHECKING, Any

from fontmill.errors import ExitStatus, FontmillError

if TYPE_CHECKING:
    from fontmill.client import AsyncClient, Client

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "ExitStatus", "FontmillError", "__version__"]


def __getattr__(name: str) -> Any:
    """Load the clients when they are first asked for, so that the vocabulary costs no ZeroMQ."""
    if name in ("AsyncClient", "Client"):
        from fontmill import client  # noqa: PLC0415

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
