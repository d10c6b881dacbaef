"""Words for base training: made-up names, everyday keys and many ways to say a thing."""

ONSETS = "b c d f g h j k l m n p r s t v w z br cl cr dr fl gl gr pl pr qu sk sl st th tr ch sh x y".split()
VOWELS = "a e i o u a e i o u ai ea io ou y ie".split()
CODAS = ["", "", "", "", "n", "l", "r", "s", "t", "m", "x", "d", "p", "c", "st", "nd", "rm", "b"]
# Beginnings and middles of drug names in general.
DRUG_SYLLABLES = (
    "a ab al am ami an ar as at ato az be ben bi bu ca cal car ce cef cel ci cla clo co cor cy da de di do dox e en er es eth fa fe fen flo flu fo fu ga ge gli gly "
    "ha hy i il im in ke la le lep li lip lis lo lor lu ma me met mi min mo mon na ne ni nor no ol om on or os ox pa pan par pe pen pi po pra pre pro qui ra re ri ro ru "
    "sa se ser si so spi su ta te ter ti tor to tra tri ty u va val ve ven vi vo xa xi za ze zi zo zy"
).split()
# Endings that drug names share, so that made-up ones look like real ones in pieces.
STEMS = (
    "olol pril sartan statin azole cillin mycin floxacin cycline azepam idone pine gliptin glutide formin gliflozin "
    "prazole tidine setron triptan oxetine traline pram barbital caine profen coxib sone solone onide terol tropium "
    "lukast parin xaban dipine zosin semide thiazide one ine in ol ium an ex ra ix or ia il en ax um is on era ist"
).split()

# Keys to ask for over random things. The experiment's five are among them, with values of any kind.
KEYS = (
    "name size color weight price owner city country year age height length width speed grade rank level score code type "
    "kind class brand model shape taste smell sound material origin region street floor room shelf box row seat gate track "
    "date day month hour time start end status mood role team club school teacher title author genre language source target "
    "count total share cost rate limit dose route unit part stage phase step order group batch lot frequency instructions note comment reason "
    "result value state phone email website habitat diet climate capital crop mineral leader founder sponsor driver engine fuel"
).split()
LISTS = (
    "medications items things entries people planets cities boats birds trees books songs games rooms parcels orders horses trains robots "
    "coins lamps shops rivers teams cakes tools plants stones guests files jobs events courses dogs cats wines cars flights "
    "rocks toys meals chairs drums kites maps keys visits ships rows records objects samples results"
).split()
COLORS = "red blue green black white yellow gray brown pink purple orange gold silver teal".split()
UNITS = "mg mcg g kg mL L cm m km units hours days years pounds miles mEq puffs tablets drops % mm".split()
COMMON = (
    "the a new old small large quiet bright north south east west first last early late slow fast warm cold dry soft hard heavy "
    "light clean open closed full empty deep high low left right upper lower main local public private round flat long short "
    "daily weekly twice once morning evening night hour day week month every each three four six eight times needed meals food "
    "mouth skin eye water pain fever sleep bedtime before after with without for until under over between"
).split()
# Words and numbers that a base has read often, whatever else it has read.
DICTIONARY = (
    "medications instructions frequency route name dose null from stopped started start increase decrease discontinued level current allergies allergy allergic mother takes "
    "taking continues continue given resume new held hold no longer on was last year is due to off seen for with visit follow up"
).split()
ROUND = "10 12 15 18 20 25 30 40 50 60 70 75 80 81 90 100 110 125 150 180 200 250 300 325 400 450 500 600 650 850 1000 2000 12.5 2.5 0.5 7.5".split()

ASKS = [
    "{verb} the {list}{filter} as JSON with {keys}.", "{verb} {list}{filter} with {keys}.", "{verb} {list}{filter} as JSON: {keys}.",
    "Which {list}{filter} are there? Keys: {keys}.", "JSON of {list}{filter}, each with {keys}.", "Fill {list}{filter} ({keys}).",
    "From the text {lverb} {list}{filter}: {keys}.", "I need {list}{filter} as JSON with keys {keys}.", "{verb} all {list}{filter}, {keys}.",
    "{list}{filter}? Answer in JSON with {keys}.", "Write JSON with the list {list}{filter} and keys {keys}.", "{verb} {list}{filter} in JSON. Keys are {keys}.",
    "Please {lverb} {list}{filter} and their {keys} as JSON.", "Read and {lverb} the {list}{filter}. Use {keys}.",
]
VERBS = ["List", "Give", "Extract", "Find", "Return", "Show", "Get", "Collect", "Name", "Report", "Pull out", "Note", "Output"]

# What notes can be asked for, by field. The words asked for and answered vary; the values are copied.
NOTE_LISTS = ["drugs", "meds", "medicines", "prescriptions", "treatments", "pills", "remedies", "agents", "therapies", "drug list", "rx", "products", "orders"]
NOTE_KEYS = {
    "name": ["drug", "medicine", "product", "agent", "name", "med", "what", "called", "item", "substance"],
    "dose": ["amount", "strength", "quantity", "dose", "how much", "size", "dosage", "units"],
    "frequency": ["schedule", "how often", "timing", "interval", "when", "times", "rhythm", "pattern"],
    "route": ["path", "way", "given by", "site", "how", "via", "form", "method"],
    "instructions": ["remarks", "notes", "condition", "extra", "advice", "comment", "details", "directions"],
    "status": ["status", "state", "active", "is"],
    "why": ["because", "reason", "cause"],
}
TAKEN = [
    "takes", "using", "uses", "on", "given", "gets", "received", "put on", "has been on", "prescribed", "ordered", "add", "added", "keep", "kept on",
    "begin", "began", "trial of", "plan:", "home meds:", "now", "also", "back on", "starts", "start", "cont", "continue", "refill", "renew", "advised",
    "needs", "today", "current:", "meds", "rx", "treat with", "bridge with", "switched to", "increased", "maintained on",
]
DROPPED = [
    "stopped {}", "stop {}", "quit {}", "{} ended", "discontinue {}", "d/c {}", "dc {}", "{} was dropped", "hold {}", "{} held", "holding {}", "no {}",
    "paused {}", "{} paused", "avoid {}", "{} removed", "previously {}", "used to take {}", "{} no more", "off {}", "{} cancelled", "refuses {}",
    "not taking {}", "{} on hold", "completed {}", "allergic to {}", "allergy {}", "reacts to {}", "intolerant of {}", "{} allergy", "past: {}",
    "{} in the past", "skip {}", "withhold {}", "{} contraindicated", "did not want {}", "brother uses {}", "father on {}", "wife has {}",
]
REASONS = ["rash", "cough", "swelling", "bleeding", "cost", "nausea", "low pressure", "surgery", "dizzy", "kidneys", "a scan", "sleepy", "itch", "weight", "headache", "choice"]
CHANGES = [
    "{n} from {o} to {d}{r}", "raise {n} from {o} to {d}{r}", "{n} {o} -> {d}{r}", "{n} was {o}, now {d}{r}", "lower {n} to {d}{r}, from {o}",
    "{n} {d}{r}, previously {o}", "titrate {n} {o} to {d}{r}", "cut {n} to {d}{r} from {o}", "double {n}: {o} to {d}{r}", "{n}{r} {d} instead of {o}",
]
OPENINGS = [
    "{a}yo {s} with {p}", "{a} year old {s}, {p}", "{s} {a}, {p}", "Pt is {a}{x}, {p}", "{a}{x}: {p}", "Reason: {p}", "{p} check", "CC {p}", "Follow up of {p}", "{a}{x} {p}",
    "Seen today: {p}", "Phone call, {p}", "Known {p}", "{p}, stable", "{p} worse", "Hx {p}", "Admitted with {p}", "{a} y/o {x} here for {p}",
]
PLANS = [
    "follow up in {n} weeks", "labs in {n} days", "recheck {l}", "call if worse", "diet advice given", "return in {n} months", "monitor {l}", "exam normal",
    "lungs clear", "no acute distress", "vitals stable", "discussed risks", "will see in {n} days", "repeat {l} next visit", "consult sent", "doing well", "reports fatigue",
]
