"""Migration 4: backtests, their equity, and what makes looking back quick."""

BACKTESTS: tuple[str, ...] = (
    # A silence of weeks is answered by one long span; the usual ones are hours. Found apart, both
    # are found quickly.
    """CREATE INDEX coverage_long ON coverage (source, subject, until)
        WHERE until - since > 172800""",
)
