"""What is wrong with a data set, and a look at it."""
