"""What you can see: the page and the API of `trading serve`.

api        create_app: everything wired together
guard      who may come in: host, origin, token, session, size; the headers of every reply
clients    who asks, as far as wrong tokens are counted; heads: HEAD wherever GET is
sessions   the page's session, its CSRF token, failed tokens
here       the home that is shown: settings, secrets, clock
replies    envelopes out, ETag; problems: what went wrong, as problem+json
kept       a reply is made once for all who ask the same
paging     cursors
reads      the answers of the commands; views: those of the page alone
login      the session
stream     what happens, as it happens; workflows jobs and the stop; webhook an opinion
openapi    the description of all of it, with examples
page_files the page itself

It asks app and nothing below; a GET writes nothing.
"""
