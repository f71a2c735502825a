"""When to change our mind: the trigger."""
