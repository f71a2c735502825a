"""See and act: what a reader looks at, from the command line's report on."""
