"""Many runs to one question: a plan (a list of runs), carried out one after the other, a row and a table of each."""
