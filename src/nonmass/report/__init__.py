"""The report: what people read, drawn from the tables and metrics of the graph and from nothing else."""
