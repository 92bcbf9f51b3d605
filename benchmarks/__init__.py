"""Speed beside the peers: `python -m benchmarks` measures the budgets that the project set itself."""
