"""`python -m dayfly`: the same as the `dayfly` command."""

from dayfly.cli import main

main()
