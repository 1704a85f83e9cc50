"""Is what is printed possible? Published figures against the counts they must come from: arithmetic, no inference."""
