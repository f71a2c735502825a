"""What was known: track records and the feature row of a build at its as-of."""
