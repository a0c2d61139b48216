"""Figures that may be believed: pure functions of counts, with the standard library alone."""
