"""Programs that misbehave, for the tests of the pool."""
