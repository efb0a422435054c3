"""`python -m vitscope` is the command line."""

from vitscope.cli import main

if __name__ == "__main__":
    main()
