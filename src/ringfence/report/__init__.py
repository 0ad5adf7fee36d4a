"""Documents and pictures: what a decision maker reads, made from tables alone."""
