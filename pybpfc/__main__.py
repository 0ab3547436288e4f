"""`python -m pybpfc`: the command."""

from pybpfc.cli import main

main()
