"""What renewal gains, what it costs, and whom its gate lets through."""
