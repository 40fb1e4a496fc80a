"""How the values and maps of each kind of input are drawn: a file and a row each."""
