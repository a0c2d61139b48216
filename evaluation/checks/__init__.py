"""Facts about a conversation that code can tell: exact, cheap, asked before any judge."""
