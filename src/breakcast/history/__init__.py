"""What happened: events, the builds file, the ledger, and replay in known order."""
