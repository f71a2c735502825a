"""Prometheus: the objectives and alerts of a breakcast, and the rules made of them."""
