"""`python -m rigd`: the same as the `rigd` command."""

from rigd.cli.main import main

if __name__ == "__main__":
    main()
