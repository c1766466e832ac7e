"""What you can type: one file per command, and the file name is the command.

main       the list of commands, imported when asked for; the one error boundary; exit codes
options    the four options every command takes, and how a command's answer reaches the person
answer     what a command hands back: data for programs, blocks for people
render     text, tables and envelopes; nothing else knows Rich
schemas    what each command's --json is, as JSON schemas that ship
eighty     names and values folded to 80 columns
times      the instants and spans a person may type
"""
