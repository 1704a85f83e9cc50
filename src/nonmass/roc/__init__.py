"""ROC analysis: the R files hold the statistics, `bridge` calls them, Python checks input and shapes the result."""
