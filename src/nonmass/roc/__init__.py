"""ROC analysis: the R files hold the statistics, `bridge` calls them, `analysis` checks the input and shapes the result."""
