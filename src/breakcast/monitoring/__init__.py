"""Is it still true: outcomes, live quality, drift, health."""
