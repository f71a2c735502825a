"""What a build's records cost to read off a real Feast server."""
