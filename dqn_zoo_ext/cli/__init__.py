"""What the verbs share: their parser and options, what is done at their beginning and end, and what they are told."""
