"""Has a change made the models worse? Two revisions of the project compared, and the difference explained."""
