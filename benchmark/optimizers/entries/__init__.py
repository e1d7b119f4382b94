"""The tables of optimizers, a module for each family; none of them imports Keras."""
