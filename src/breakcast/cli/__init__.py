"""The command line: parse, call one function, print."""

from breakcast.cli.app import main

__all__ = ["main"]
