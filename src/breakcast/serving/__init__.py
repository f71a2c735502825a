"""What we say: the answer to a build, and the journal of answers."""
