"""What it stands on. Knows no market.

errors        every failure raised on purpose, and its exit code
clock         world time, which tests may set, and real time, which nobody may
home          where everything lives, and the file of secrets: standard library only
disk          a disk without room: told from a broken one
config        reads config.yaml and the secrets, naming every wrong key with file and line
log           one JSON line per event, shared by all processes, redacted
ratelimit     one budget per host, shared by every process and home of a person
http_client   the one place that speaks HTTP
"""
