"""What is measured, and its committed results: `python -m benchmarks.<name>`."""
