"""GitHub: what its webhooks and its API say, and how to ask."""
