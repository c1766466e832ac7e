"""What happens, and when: the only room where rooms meet.

settings   the shape of config.yaml: the sum of the rooms' sections
brief      the two settings `status` needs, noted from the last time all were checked
toolkit    the one composition root: sources, store, limits and log of one home
collect    sources -> store, for one slot
past       the past, in windows that can be resumed
chatter    the talk about the events, matched and scored
quality    store -> checks -> scores, gaps and the gate
analyse    store -> RVR, ROC and hype of every candidate -> store
listening  the hype of events: who answered, which hours that covers, what was said
learned    what research had found by an instant, as a decision may use it
proving    what each strategy has shown of itself: the gate, kept by date and journaled
comovement what moved with what we hold: an input of a limit
hype_settings  what hype weighs and how much past it needs
overview   status and listings, read-only
health     every part's state, with its fix
pings      every host that is on, asked at once
explain    one decision end to end: why, and why not
meanings   what each reason means, and which settings decide it
worked     the formulas with their numbers
subjects   what an id names, and what hangs together with it
positions  what is held, at what selling it now brings
closing    a person sells, through the gateway
journal    the record: read, added to, verified, reviewed
by_hand    trades a person made, booked like the broker's
track_record  the closed trades by strategy, category, tier and hour
reconcile  the ledger against the fills against the positions
export     the records as CSV and JSON
importing  a person's own history, checked, into the tables of what was recorded
wallet     what a person's own wallet holds, counted in the limits
latch      the file that stops everything
stop       a stop: the file, the row, the proof; and where the kill switch stands
release    the way back: status, reset, arm
guards     what pulls the kill switch by itself
drill      a stop that is tried on a copy, and measured
readiness  what can be said yet, what cannot, and when
replays    the decisions of one stored run, taken again
hearing    how much talk was really heard, by what the sources answered
simulate   the pretend exchange in the foreground
demo       a toolkit wired to the pretend exchange, end to end
"""
