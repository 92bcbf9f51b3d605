"""Evidence that reports describe one group of patients, or do not: one kind of evidence a file, all weights in one."""
