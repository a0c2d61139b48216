"""The judge: one question about a stored conversation at a time, and no verdict without proof."""
