"""Effects, pooling, PRISMA counts, plots and pages."""
