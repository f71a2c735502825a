"""Events in, answers out: webhooks, back-fill, the worker."""
