"""The words the scorer of posts knows: which mean the same, which mean nothing, which are names."""

STOP = frozenset(
    """a above below between exactly about after all also an and any are as at be been before
    but by can could do does during end ended first for from get gets had has have he her
    his how if in into is it its just last many more most next no not of off on one or our
    out over own s say says said she should so than that the their them then there these
    they this those time to under until up was we were what when where which while who whom
    whose why will with would yes you your""".split()  # noqa: SIM905  # a word list reads better as words
)
"""Words that say nothing about the subject."""

GENERIC = frozenset(
    """announce announcement champion close confirm day decision down final finish game group
    happen hit least less make margin market match named number official open party people
    place play player price reach second season set settle third top total value victory
    week win winner month more less higher lower new many ufc happen another again country
    company""".split()  # noqa: SIM905  # a word list reads better as words
)
"""Words so common in titles that hitting one proves little."""

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sept", "sep"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}

SAME = {
    word: group[0]
    for group in (
        ("bitcoin", "btc"),
        ("ethereum", "eth", "ether"),
        ("solana", "sol"),
        ("dogecoin", "doge"),
        ("russia", "russian", "moscow", "kremlin"),
        ("ukraine", "ukrainian", "kyiv"),
        ("israel", "israeli"),
        ("iran", "iranian", "tehran"),
        ("china", "chinese", "beijing"),
        ("houthi", "houthis"),
        ("japan", "japanese"),
        ("korea", "korean"),
        ("canada", "canadian"),
        ("mexico", "mexican", "banxico"),
        ("brazil", "brazilian"),
        ("colombia", "colombian"),
        ("venezuela", "venezuelan"),
        ("germany", "german"),
        ("france", "french"),
        ("italy", "italian"),
        ("scotland", "scottish"),
        ("sweden", "swedish"),
        ("bulgaria", "bulgarian"),
        ("bangladesh", "bangladeshi"),
        ("nepal", "nepali", "nepalese"),
        ("thailand", "thai"),
        ("chile", "chilean"),
        ("saudi", "riyadh"),
        ("yemen", "yemeni"),
        ("somalia", "somali"),
        ("usa", "america", "american"),
        ("gop", "republican", "republicans"),
        ("democratic", "democrat", "democrats", "dem", "dems"),
        ("strike", "airstrike", "attack", "missile", "drone", "bomb", "bombing"),
        ("arrest", "detain", "custody", "handcuff"),
        ("jail", "prison", "imprison", "incarcerate", "sentence"),
        ("charge", "indict", "indictment", "prosecute"),
        ("convict", "guilty", "conviction"),
        ("visit", "trip", "travel", "visiting"),
        ("release", "launch", "rollout", "ship", "unveil", "debut"),
        ("pregnant", "pregnancy", "expecting", "baby"),
        ("split", "divorce", "separate", "breakup", "separation"),
        ("election", "elect", "vote", "voter", "poll", "ballot"),
        ("nomination", "nominee", "nominate", "nominated"),
        ("withdraw", "withdrawal", "withdrawn", "withdrew", "pull"),
        ("acquisition", "acquire", "merger", "takeover", "deal"),
        ("retire", "retirement", "retiring"),
        ("ceasefire", "truce", "peace"),
        ("recession", "contraction", "shrink"),
        ("outage", "offline", "outages"),
        ("temperature", "temps", "heat", "degrees", "forecast"),
        ("decrease", "cut", "lower"),
        ("increase", "hike", "raise"),
        ("rate", "rates", "decision", "monetary"),
        ("president", "presidential", "presidency"),
        ("parliamentary", "parliament", "seat", "coalition"),
        ("senate", "senator", "senators"),
        ("qualify", "qualification", "qualifier", "qualifying"),
        ("relegate", "relegation", "drop"),
        ("goalscorer", "scorer", "goal", "boot"),
        ("ipo", "listing", "flotation"),
        ("token", "tge", "airdrop"),
        ("capture", "seize", "storm", "control"),
        ("normalize", "normalise", "normalization", "diplomatic"),
        ("downgrade", "downgraded"),
        ("temper", "temperament"),
        ("podcast", "episode"),
        ("pregame", "pregames"),
        ("tweet", "post"),
        ("dissent", "dissenter"),
        ("fight", "bout"),
        ("ban", "prohibit"),
        ("meet", "meeting", "summit", "talks"),
        ("perform", "performance", "headline", "concert"),
        ("attend", "attendance", "carpet"),
        ("tour", "touring"),
        ("earnings", "revenue", "quarterly", "eps"),
        ("gdp", "growth"),
        ("sign", "signed", "law"),
        ("bill", "act"),
        ("win", "winner", "won", "victory", "champion", "title"),
    )
    for word in group
}
"""Every word to the one that stands for its group."""

PHRASES = (
    ("u.s.", "usa"),
    ("united states", "usa"),
    ("u.k.", "britain"),
    ("united kingdom", "britain"),
    ("e.u.", "eu"),
    ("european union", "eu"),
    ("federal reserve", "fed"),
    ("new york city", "nyc"),
    ("grand theft auto", "gta"),
    ("gta vi", "gta 6"),
    ("gta v ", "gta 5 "),
    ("supa bowl", "super bowl"),
    ("academy awards", "oscars"),
    ("academy award", "oscars"),
    ("premier league", "premierleague"),
    ("champions league", "championsleague"),
    ("state of the union", "sotu"),
    ("goal scorer", "goalscorer"),
    ("market cap", "marketcap"),
    ("world cup", "worldcup"),
    ("prime minister", "primeminister"),
    ("chief of staff", "chiefofstaff"),
)
"""What to rewrite before words are cut, lower-cased and without accents."""

FIRST_NAMES = frozenset(
    """adam alex alexander alice amy andrew angela anna anthony ari arthur barack barron ben
    benjamin bernie beth bianca bill bob brad brandon brian carlos caroline charles chris
    christopher cory cole dan daniel david dennis don donald doug ed eddie edward elizabeth
    ellen elon emily emma eric erika ernest evan frank fred gary gavin george grace greg
    hailey hannah harold harry harvey helen henry hillary hunter ivana ivanka jack jacob
    jake james jane jared jason jeff jennifer jenny jeremy jerome jessica jill jim jimmy joe
    joel john jon jonathan jordan joseph josh juan julia justin kai kamala karen kate katy
    keith kelly ken kendall kevin khloe kim kourtney kris kylie lara larry laura leo linda
    lisa logan louis lucas luis luke marco maria marie mark martha mary matt matthew megan
    melania mel michael michelle mike mitch nancy nick nicolas nicole oliver olivia pat
    patrick paul pete peter phil philip rachel ralph rand randy ray rebecca richard rick rob
    robert roger ron ronald roy russell ruth ryan sam samuel sara sarah scott sean serena
    sharon shawn sophie stephen steve steven susan susie taylor ted terry thomas tiffany tim
    timothy todd tom tony tyler venus victor victoria vivek walter wendy william yair zach
    zohran hugo sebastian kanye mojtaba ali hassan martina lewis max george lando oscar""".split()  # noqa: SIM905  # a word list reads better as words
)
"""First names, to notice another bearer of a surname."""

FAMOUS = {
    "trump": "donald",
    "biden": "joe",
    "musk": "elon",
    "netanyahu": "benjamin",
    "obama": "barack",
    "harris": "kamala",
    "kardashian": "kim",
    "bieber": "justin",
    "powell": "jerome",
    "clinton": "hillary",
}
"""Whom a bare surname means in a title."""

SHARED_SURNAMES = frozenset(
    """adams allen anderson bell black bond brown bush carter cook cruz davis evans fox garcia
    gray green hall hill jackson johnson jones king lee lewis long lopez martin miller moore
    paul perez reeves roberts robinson scott smith stone taylor thomas walker west white
    williams wilson wright young""".split()  # noqa: SIM905  # a word list reads better as words
)
"""Surnames that are words or belong to many: the first name must be there too."""

OPPOSED = (
    (frozenset({"men", "mens", "atp"}), frozenset({"women", "womens", "wta"})),
    (frozenset({"gop"}), frozenset({"democratic"})),
    (frozenset({"democratic"}), frozenset({"gop"})),
    (frozenset({"women", "womens", "wta"}), frozenset({"men", "mens", "atp"})),
    (frozenset({"nba"}), frozenset({"wnba"})),
    (frozenset({"wnba"}), frozenset({"nba"})),
    (frozenset({"nhl"}), frozenset({"nfl", "nba", "mlb"})),
    (frozenset({"nba"}), frozenset({"nfl", "nhl", "mlb"})),
    (frozenset({"atlantic"}), frozenset({"pacific"})),
    (frozenset({"pacific"}), frozenset({"atlantic"})),
    (frozenset({"actress"}), frozenset({"actor"})),
    (frozenset({"senate"}), frozenset({"gubernatorial", "governor", "mayor", "mayoral"})),
    (frozenset({"governor"}), frozenset({"senate", "mayor", "mayoral"})),
    (frozenset({"president", "presidential"}), frozenset({"mayor", "mayoral"})),
)
"""Where the title has one of the first and the post only of the second, they differ."""

SIDE_WORDS = frozenset(
    """fc cf sc afc ac as ca cd club de la los las the team esports gaming united city town
    real atletico sporting football st state men women w u21 bc sk sv fk""".split()  # noqa: SIM905  # a word list reads better as words
)
"""Words of team names that many teams share."""

MASCOTS = frozenset(
    """tigers wildcats bulldogs eagles panthers bears lions cardinals hawks huskies trojans
    bruins cougars warriors rams spartans knights raiders aggies hornets falcons owls""".split()  # noqa: SIM905  # a word list reads better as words
)
"""Names that many teams bear: where the title says whose, the post must too."""

PLACES = frozenset(
    """alabama alaska arizona arkansas california colorado connecticut delaware florida georgia
    hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland
    massachusetts michigan minnesota mississippi missouri montana nebraska nevada hampshire
    jersey carolina dakota ohio oklahoma oregon pennsylvania tennessee texas utah vermont
    virginia washington wisconsin wyoming russia ukraine israel iran china japan korea
    canada mexico brazil colombia venezuela germany france italy scotland sweden bulgaria
    bangladesh nepal thailand chile saudi yemen somalia ethiopia turkey india pakistan
    poland spain greenland cuba panama syria lebanon eu britain london nyc chicago miami
    seattle dallas paris munich seoul ankara""".split()  # noqa: SIM905  # a word list reads better as words
)
"""Places that, named in a title, the post must name too."""
