"""ROC analysis: R files hold the statistics, `bridge` calls them, the others check the input and shape the result."""
