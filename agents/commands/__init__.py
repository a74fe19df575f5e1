"""What a person runs: the command ``drawenv``, and the scripts of the same names."""
