"""Migration 4: what a person brought in from files of their own."""

IMPORTS: tuple[str, ...] = ()
