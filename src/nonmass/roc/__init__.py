"""ROC analysis: roc.R holds the statistics, `bridge` calls them, `analysis` checks the input and shapes the result."""
