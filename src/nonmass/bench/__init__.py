"""Speed beside what limits it, measured in one run."""
