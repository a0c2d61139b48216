"""From a failing conversation to the shortest one that fails in the same way."""
