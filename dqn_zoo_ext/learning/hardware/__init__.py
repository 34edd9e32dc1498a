"""How the arithmetic is carried out on a CPU and on a GPU: with how many digits, by which library, as one launch."""
