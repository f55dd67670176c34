"""`python -m kwx` is the command `kwx`."""

from kwx.cli import main

if __name__ == "__main__":
    main()
