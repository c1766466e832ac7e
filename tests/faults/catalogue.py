"""What can go wrong, what is promised then, where that is proven and how far: 37 items.

``FIGURE`` is what the named tests assert each time they run, unless it says when it was measured.
Tiers: daily, nightly (``pytest -m nightly``), campaign (a script), not here (and why).
"""

from typing import NamedTuple


class Item(NamedTuple):
    """One kind of fault. ``proofs`` are tests (file::name) and scripts; none where not here."""

    number: int
    promise: str
    tiers: str
    figure: str
    proofs: tuple[str, ...] = ()


APP, FAULTS = "tests/app", "tests/faults"
CATALOGUE = (
    Item(1, "kill -9 of a writer: nothing acknowledged is lost, halved or doubled",
         "daily 1/20, nightly", "0 lost, partial or twice of 50 and of 1,000 kills, store and"
         " whole collections (1,000 of the store measured 2026-11-21, of collections 2026-11-22);"
         " every seal true after each of 200 killed writers (measured 2026-11-21, 203 s)",
         ("tests/store/test_store_crash.py::test_killed_fifty_times_nothing_is_lost_halved_or_doubled",
          "tests/store/test_store_crash.py::test_killed_a_thousand_times_nothing_is_lost_halved_or_doubled",
          f"{APP}/test_killed.py::test_fifty_killed_collections",
          f"{APP}/test_killed.py::test_a_thousand_killed_collections",
          f"{APP}/upkeep/test_killed_writers.py::test_200_killed_writers_leave_true_seals")),
    Item(2, "kill -9 at each named point of trading: no order twice, none without its intent",
         "daily, nightly",
         "every point of core/faults.py; 20 random kills at each (measured 2026-11-22)",
         (f"{APP}/test_fault_points.py::test_killed_at_any_point_the_next_run_goes_on",
          f"{APP}/test_fault_points.py::test_twenty_kills_at_each_point",
          f"{APP}/test_fault_points.py::test_every_point_is_visited_by_a_test")),
    Item(3, "killed while telling: no critical message lost, any other told once at most",
         "daily 1/50, nightly", "0 lost of 20 and of 1,000 kills (measured 2026-11-21, 848 s); a"
         " repetition carries its key",
         (f"{APP}/test_notify_killed.py::test_twenty_kills",
          f"{APP}/test_notify_killed.py::test_a_thousand_kills",
          f"{APP}/test_notify_killed.py::test_a_critical_one_is_told_again_under_the_same_key")),
    Item(4, "power loss: orders, intents and kill state survive it", "not here",
         "needs a VM to reset or dm-log-writes, which this machine has not. What is tested: an"
         " intent's transaction is FULL, and has ended before the send",
         (f"{FAULTS}/test_intent_first.py::test_an_intent_is_on_the_disk_before_it_is_sent",
          "tests/store/test_store_faults.py::test_a_durable_transaction_waits_for_the_disk_and_the_next_one_does_not")),
    Item(5, "no room at any write: old state or new, a sentence, the gap's row later",
         "daily, nightly", "page by page through a cycle, a large one too (measured 2026-11-21); a"
         " real full disk fails with exit 6",
         (f"{FAULTS}/test_room_and_locks.py::test_no_room_at_any_write",
          f"{FAULTS}/test_room_and_locks.py::test_no_room_at_any_write_of_a_large_cycle",
          f"{APP}/test_disk.py::test_a_full_disk",
          f"{APP}/test_stop.py::test_a_full_disk_leaves_an_empty_file_which_forbids_everything")),
    Item(6, "somebody holds the write lock: waited out or a named failure, nothing half",
         "daily", "0.1, 1 and 6 s; four and eight processes contend, 0 deadlocks",
         (f"{FAULTS}/test_room_and_locks.py::test_another_process_holds_the_lock",
          f"{FAULTS}/test_room_and_locks.py::test_a_cycle_that_cannot_write_sends_no_order_and_says_so",
          "tests/store/test_store_crash.py::test_four_writers_at_once_wait_for_each_other")),
    Item(7, "a reader that stays: the write-ahead log stays small", "daily, nightly",
         "18.5 MB at most beside one reader of 96 slots of 50 markets (measured 2026-11-21), 64"
         " allowed; putting it away waits for nobody",
         (f"{FAULTS}/test_room_and_locks.py::test_the_log_beside_a_reader_that_stays",
          f"{FAULTS}/test_room_and_locks.py::test_the_log_beside_a_reader_that_stays_a_day")),
    Item(8, "damage of the file is noticed before it is traded on", "daily 1/14, nightly",
         "40 daily and 570 nightly flips, torn pages and cuts: each that changes a word is noticed",
         (f"{APP}/upkeep/test_restore.py::test_corruption_is_noticed",
          f"{APP}/upkeep/test_restore.py::test_570_corruptions_are_noticed",
          "tests/store/test_sealed_rows.py::test_what_changed_behind_our_back_is_named",
          f"{APP}/test_cycles.py::test_a_damaged_database_pulls_the_kill_switch")),
    Item(9, "a backup under load is whole and of a boundary between cycles; it restores",
         "daily 1/10, nightly, campaign", "20 daily; 200 of 200 nightly (measured 2026-11-21,"
         " 430 s); 1 GB restored in 71 s, 300 s allowed (measured 2026-11-22; 363 s"
         " where 20 busy processes shared two cores)",
         (f"{APP}/upkeep/test_backup.py::test_backups_under_load_are_of_a_boundary_between_cycles",
          f"{APP}/upkeep/test_backup.py::test_200_backups_under_load_are_of_a_boundary_between_cycles",
          f"{APP}/upkeep/test_backup.py::test_a_backup_killed_midway_leaves_the_one_before",
          f"{APP}/upkeep/test_restore.py::test_a_restore_killed_midway_leaves_the_old_or_the_new",
          "benchmarks/restore.py")),
    Item(10, "an upgrade killed at any statement: the old version or the new",
         "daily 1/80, nightly",
         "from every schema there was, at each of the 2,830 statements up to schema 4 (measured"
         " 2026-11-21, 1,006 s): old or new each time, with every row",
         (f"{FAULTS}/test_upgrades_killed.py::test_an_upgrade_killed_at_some_statements",
          f"{FAULTS}/test_upgrades_killed.py::test_an_upgrade_killed_at_every_statement",
          f"{FAULTS}/test_upgrades_killed.py::test_an_older_program_refuses_a_newer_file",
          "tests/store/test_store_crash.py::test_a_migration_killed_at_any_statement_is_undone_or_done",
          "tests/store/test_upgrade.py::test_every_row_of_the_first_version_is_there_after_the_upgrade")),
    Item(11, "whatever the clock does: no slot twice, none without its row",
         "daily 1/20, nightly", "10,000 of 10,000 sequences of jumps, DST and smears"
         " (measured 2026-11-21, 108 s)",
         (f"{FAULTS}/test_clock_jumps.py::test_five_hundred_clocks_with_a_mind_of_their_own",
          f"{FAULTS}/test_clock_jumps.py::test_ten_thousand_clocks_with_a_mind_of_their_own",
          f"{FAULTS}/test_clock_jumps.py::test_a_step_of_the_clock_within_a_run_stops_its_writing")),
    Item(12, "a machine that slept 26 h: one catch-up, a row for each slot, no stale signal",
         "daily", "1 run, 103 missed rows and gaps, 0 old signals told, 0 orders",
         (f"{FAULTS}/test_suspended.py::test_a_machine_that_slept_for_26_hours",
          f"{APP}/test_asleep.py::test_a_laptop_that_slept_wakes_to_one_run_and_no_trigger")),
    Item(13, "a job that hangs is ended at its deadline, the next slot runs", "daily",
         "ended also where it ignores SIGTERM",
         (f"{APP}/test_runner.py::test_a_job_that_hangs_is_ended_at_its_deadline",
          f"{APP}/test_runner.py::test_a_job_that_is_due_while_it_runs_waits_its_turn",
          f"{APP}/test_cycles.py::test_after_the_deadline_no_step_is_begun")),
    Item(14, "of many that start at once, one works", "daily, nightly",
         "1 of 200, and 50 times 1 of 200 (measured 2026-11-21, 247 s); the lock of a killed one"
         " is free at once",
         (f"{FAULTS}/test_many_starts.py::test_two_hundred_start_at_once",
          f"{FAULTS}/test_many_starts.py::test_two_hundred_start_at_once_fifty_times",
          f"{FAULTS}/test_many_starts.py::test_the_lock_of_a_killed_one_is_free",
          f"{APP}/test_cycles.py::test_twenty_processes_started_on_one_slot_are_one_run")),
    Item(15, "slow, broken, half-open and lying servers never hold a cycle", "daily",
         "each fault on real sockets; the soak of 24 h is not done",
         ("tests/core/test_http_faults.py::test_rude_servers",
          "tests/core/test_http_faults.py::test_the_deadline_ends_a_dripping_answer",
          "tests/core/test_http_faults.py::test_a_name_nobody_looks_up_in_time",
          "benchmarks/thirty_days.py")),
    Item(16, "storms of 429, 5xx and HTML: waited out, the budget kept, nobody hammered", "daily",
         "never more than half of a documented limit; the circuit opens after 5",
         ("tests/core/test_limits.py::test_no_window_is_overfull",
          "tests/core/test_limits.py::test_half_open_lets_one_probe_through",
          "tests/sources/test_polymarket_settings.py::test_no_budget_is_above_half_of_the_documented_limit",
          f"{APP}/test_collect_faults.py::test_a_fault_of_every_request")),
    Item(17, "malformed replies: no uncaught error, no impossible row", "daily",
         "2,000 damaged replies a kind; bombs and 21 MB bodies end at their bound",
         ("tests/sources/test_polymarket_fuzz.py::test_two_thousand_damaged_replies",
          "tests/core/test_http_faults.py::test_too_large",
          "tests/core/test_http_faults.py::test_what_is_no_json")),
    Item(18, "a field gone, renamed or of another type: the same, absent, or a named refusal",
         "daily", "every field of every form the simulator writes, over 10,000 drifts: 0 other"
         " values",
         (f"{FAULTS}/test_schema_drift.py::test_no_field_of_a_listing_drifts_in_silence",
          f"{FAULTS}/test_schema_drift.py::test_no_field_of_a_book_drifts_in_silence",
          f"{FAULTS}/test_schema_drift.py::test_no_field_of_a_trade_drifts_in_silence",
          f"{FAULTS}/test_schema_drift.py::test_no_field_of_a_series_drifts_in_silence",
          f"{FAULTS}/test_schema_drift.py::test_prices_on_another_scale_are_refused")),
    Item(19, "delivered up to five times in any order: the same bytes", "daily 1/33, nightly",
         "1 content of 30 orders of three slots, and of 1,000 (measured 2026-11-21, 180 s)",
         (f"{FAULTS}/test_delivered_anyhow.py::test_thirty_orders_leave_the_same_bytes",
          f"{FAULTS}/test_delivered_anyhow.py::test_a_thousand_orders_leave_the_same_bytes")),
    Item(20, "a frozen upstream is flagged, and suppresses signals", "daily",
         "gate closed by the 8th slot at the latest, 0 entries, open again when it moves",
         (f"{FAULTS}/test_frozen_upstream.py::test_eight_slots_of_the_same_books",
          "tests/research/test_quality.py::test_a_book_is_frozen_only_while_trades_print")),
    Item(21, "pages cut short or in a circle: noticed, called incomplete", "daily",
         "every cut and circle",
         ("tests/sources/test_polymarket_listing.py::test_a_listing_cut_short_says_so",
          "tests/sources/test_polymarket_listing.py::test_endless_pages_end",
          "tests/sources/test_polymarket_trades.py::test_one_second_that_is_too_full_is_not_covered")),
    Item(22, "swapped, named, placeholder and half outcomes: nobody is on the wrong side", "daily",
         "0 of 200 markets mis-signed; the owner reads the venue's own name of what to buy",
         (f"{FAULTS}/test_sides.py::test_each_token_keeps_its_label_its_price_and_its_payout",
          f"{FAULTS}/test_sides.py::test_a_trade_is_of_the_token_it_names_whatever_else_it_says",
          f"{FAULTS}/test_sides.py::test_no_placeholder_is_entered",
          f"{FAULTS}/test_sides.py::test_who_is_to_buy_is_told_the_name_of_what")),
    Item(23, "an order is sent once, whatever the venue answers", "daily 1/25, nightly",
         "0 doubled, 0 phantom rejects of 200 and of 5,000 runs (measured 2026-11-22, 59 s)",
         (f"{APP}/test_venue_behaviours.py::test_two_hundred_runs_of_a_bad_venue",
          f"{APP}/test_venue_behaviours.py::test_five_thousand_runs_of_a_bad_venue",
          f"{FAULTS}/test_intent_first.py::test_an_intent_is_on_the_disk_before_it_is_sent")),
    Item(24, "fills that fail, come late or twice on the chain", "not here",
         "needs a live broker, which does not exist: mode live is refused, paper fills are final"),
    Item(25, "partial fills, dust, minimum sizes, no cash: a terminal state and the right cash",
         "daily, nightly", "to a millionth, random stories daily and 10,000 nightly"
         " (measured 2026-11-22, 119 s)",
         ("tests/trading/test_conservation.py::test_whatever_is_dealt_nothing_is_lost",
          "tests/trading/test_conservation.py::test_whatever_is_dealt_nothing_is_lost_ten_thousand_times",
          "tests/trading/test_fills.py::test_whatever_the_book_a_walk_keeps_its_promises")),
    Item(26, "the same signal ten times is one order", "daily",
         "1 of 10 in a row, 1 of 10 processes at once",
         (f"{APP}/test_venue_behaviours.py::test_the_same_signal_ten_times_is_one_order",
          f"{APP}/test_races.py::test_the_same_signal_ten_times_at_once_is_one_order")),
    Item(27, "limits hold under races", "daily 1/5, nightly",
         "8 processes, 200 and 1,000 intents: no cap passed after any commit",
         (f"{APP}/test_races.py::test_eight_processes_race_two_hundred_intents",
          f"{APP}/test_races.py::test_eight_processes_race_a_thousand_intents")),
    Item(28, "what is decided live is what the same day gives when it is run again", "daily",
         "every decision, fill and settlement identical; one gate, no way round it",
         (f"{APP}/test_parity.py::test_a_recorded_span_comes_out_identical",
          "tests/trading/test_gateway.py::test_only_the_gateway_sends",
          "tests/trading/test_gateway.py::test_the_gateway_reviews_before_it_sends")),
    Item(29, "Telegram refuses, limits, is down: nothing lost, order and pace kept", "daily",
         "429, 400, 403, 5xx, 10 minutes of outage; 1 a second, 20 a minute",
         (f"{APP}/test_notify.py::test_ten_minutes_of_outage_lose_nothing_and_keep_the_order",
          f"{APP}/test_notify.py::test_retry_after_is_kept_to_and_the_order_too",
          f"{APP}/test_notify.py::test_one_message_a_second_and_twenty_a_minute",
          f"{APP}/test_notify.py::test_after_three_failures_the_second_channel_is_used",
          f"{APP}/test_notify.py::test_a_flood_of_a_thousand")),
    Item(30, "a sign of life each cycle; its absence is somebody else's to notice", "daily",
         "sent, refused and not allowed are findings; the watcher is an outside service",
         (f"{APP}/test_health_parts.py::test_a_heartbeat_is_sent_and_what_came_of_it_kept",)),
    Item(31, "a storm of log lines: bounded, one line each, none forged", "daily 1/50, nightly",
         "100,000 hostile events within (keep + 1) x size, none forged (measured 2026-11-21); its"
         " slowest call took 23 s on a machine with 12 waiting, so <= 10 ms is not shown",
         (f"{FAULTS}/test_log_storm.py::test_a_storm_of_two_thousand_events",
          f"{FAULTS}/test_log_storm.py::test_a_storm_of_a_hundred_thousand_events",
          "tests/core/test_log.py::test_no_line_is_lost_or_torn",
          "tests/core/test_log.py::test_no_text_forges_a_line")),
    Item(32, "thirty days: memory, time and file within their bounds", "campaign",
         "30 days of 12 markets (measured 2026-11-22): 2,880 of 2,880 slots, memory +0.19 MB a day"
         " (before it was given back: +7.9), 215 MB at most, p95 1.9 s at a load of 12 to 26 on"
         " 2 cores, log at most 17 MB; file 4.11 MB a day, foretold on day 4 2.89 (1.42 times, 1.5"
         " allowed): from day 15 on the exchange has 9 markets to follow, not 6, and 7 candidates,"
         " not 3; for the markets there were, 4.21 and foretold 3.97 (1.06 times, 1.25 allowed)."
         " 50 markets, 22 days: 2,112 of 2,112, memory +0.19, 268 MB at most, p95 of a day 1.2 to"
         " 8.4 s, log 19 MB, file 21.1 MB a day, foretold 20.4 (for the markets there were 0.99)."
         " The scheduler: -0.004 MB a day over 2,880 starts; the exchange +0.04",
         ("benchmarks/thirty_days.py", "benchmarks/scheduler.py", "benchmarks/cycle.py")),
    Item(33, "told to end in any step: gone within 10 s, as after kill -9", "daily",
         "each step in turn; also while a server does not answer",
         (f"{APP}/test_terminated.py::test_told_to_end_in_any_step_it_ends_and_the_next_run_goes_on",
          f"{APP}/test_terminated.py::test_it_does_not_wait_for_who_does_not_answer",
          f"{APP}/test_fault_points.py::test_told_to_end_within_a_trade_it_leaves_what_a_kill_leaves")),
    Item(34, "systemd starts, watches and stops it", "not here",
         "there is no systemd on this machine: its units are compared with the cron lines only",
         (f"{APP}/test_schedule.py::test_units_run_the_same_cycles",
          f"{APP}/test_schedule.py::test_cron_in_the_words_of_systemd")),
    Item(35, "a wrong setting is refused with its place", "daily",
         "every key, type, alias and duplicate named with its line",
         ("tests/core/test_settings.py::test_a_wrong_file_is_refused_with_its_line",
          "tests/core/test_settings.py::test_nothing_is_taken_for_something_else",
          "tests/core/test_core_smoke.py::test_wrong_keys")),
    Item(36, "the same inputs and seed give the same bytes", "daily, nightly",
         "20 of 20 hash seeds (measured 2026-11-21)",
         (f"{FAULTS}/test_same_again.py::test_three_runs_are_one",
          f"{FAULTS}/test_same_again.py::test_twenty_runs_are_one",
          "tests/app/backtests/test_study_sweeps.py::test_any_number_of_processes_finds_the_same")),
    Item(37, "all of it at random, for hours: money, keys, stops and chains hold",
         "daily 1/100, nightly",
         "100 of 100 stories of 24 slots (measured 2026-11-21, 1,383 s): 3,293 runs, 393 of them"
         " killed or told to end, 30 ended by an error with a name, 1,099 orders, 237 stops, 0"
         " broken; the 8 h are the same with more seeds",
         (f"{FAULTS}/test_the_mix.py::test_a_story_of_everything",
          f"{FAULTS}/test_the_mix.py::test_a_hundred_stories_of_everything",
          f"{FAULTS}/test_the_mix.py::test_the_judge_sees_what_is_wrong",
          f"{APP}/test_kill_sequences.py::test_no_sequence_of_ten_thousand_trades_without_arming",
          f"{APP}/test_kill_campaigns.py::test_no_order_that_is_forbidden_goes_after_a_thousand_latches",
          "tests/trading/test_conservation.py::test_whatever_is_dealt_nothing_is_lost_ten_thousand_times")),
)  # fmt: skip


def as_markdown() -> str:
    """Return the table of the README: one row an item, the files where it is proven."""
    lines = ["| | promise | reached | when | proof |", "|---|---|---|---|---|"]
    for one in CATALOGUE:
        files = dict.fromkeys(proof.partition("::")[0] for proof in one.proofs)
        proofs = ", ".join(f"`{name.removeprefix('tests/')}`" for name in files) or "none"
        lines.append(f"| {one.number} | {one.promise} | {one.figure} | {one.tiers} | {proofs} |")
    return "\n".join(lines) + "\n"
