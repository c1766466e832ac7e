"""Pure judgement: values in, values out; no network, no file, no clock, no settings.

quality     what is wrong with what we collected: every check, and the gate they close
quality_score  how far one market's data can be trusted (the smallest of five dimensions)
gaps        which slots there are, and why one is missing
panel       which markets are worth recording, and which of them may be traded now
deadline    when a market's question is settled at the latest, and when we cannot say
matching    which posts speak of which market
sentiment   what a post's words say, by a versioned lexicon
rotation    which events are asked about next, never chosen by price or volume
rvr         the hour's volume against the day before, its hour of the week divided out
hour_factors  how busy each hour of the week is on the whole panel
roc         the change of the price over 12 hours, in half a logit
hype        how much more an event is talked of than is usual for it
track_record  how much a record of trades says: intervals, and when it says nothing
measures    return, Sharpe, drawdown, profit factor …, each with its interval and method
sharpe      probabilistic and deflated Sharpe ratio, how long a record must be
overfitting  how likely the best of many is luck: PBO by CSCV, Hansen's SPA
block_bootstrap  the stationary bootstrap
gates       the bound before live money, which holds however often one looks
bets        which trades were one bet: what one theme decided at one time
comovement  which markets move together, hour by hour
clustered   means of values that come in clusters
calibration  how true stated probabilities are, and whether they know more than the price
recalibration  prices bent to what they turned out to mean, on the past alone
splits      which rows may teach and which may judge
tiers       how far an indicator is beyond its thresholds

Everything here takes ``now`` as an argument and gives the same answer for the same input in
whatever order it comes.
"""
