"""Reports of experiments, made of the JSON that the HTTP API gives; imports nothing of ours."""
