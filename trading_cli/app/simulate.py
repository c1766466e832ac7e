"""The pretend exchange in the foreground: its own world, or recorded replies of a folder."""

from collections.abc import Callable
from pathlib import Path

from trading_cli.core.errors import UsageError
from trading_cli.simulator.replay import Replay
from trading_cli.simulator.running import serve_forever
from trading_cli.simulator.world import World


def serve(  # one argument for each option of the command
    replay: Path | None,
    seed: int,
    markets: int,
    port: int,
    latency_ms: int,
    on_ready: Callable[[str], None],
) -> None:
    """Serve until interrupted; *on_ready* is told the address once it answers.

    With *replay* the clock stands at the recording. Raises ``UsageError`` for a folder that holds
    nothing recorded.
    """
    latency_s = latency_ms / 1000
    if replay is None:
        world = World(seed, markets)
        serve_forever(world, port=port, latency_s=latency_s, on_ready=on_ready)
        return
    if not replay.is_dir():
        raise UsageError(f"there is no folder {replay}", hint="give a folder of recorded replies")
    recorded = Replay(replay)
    serve_forever(
        recorded,
        port=port,
        latency_s=latency_s,
        now=recorded.recording_time(),
        on_ready=on_ready,
    )
