"""From conversations to verdicts: scenario and suite files, checks, the judge, figures."""
