"""The rim: one outside system a file; adapters translate and decide nothing."""
