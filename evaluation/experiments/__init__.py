"""The life of an experiment: planned, run as ordinary conversations, judged, told."""
