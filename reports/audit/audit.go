// Package audit answers, for an adapter, which data, code, base, settings and
// machine produced it. It lays out what a ledger's trace says as statements, each
// graded by what it rests on, for people, pages and programs. It reads no files
// and checks no signatures: whoever calls it says what was checked.
package audit

import (
	"fmt"

	"daybook/ledger"
)

// Grade says how much a statement is worth.
type Grade string

// Grades, strongest first.
const (
	Proved   Grade = "proved"   // bytes at hand were digested and are what was recorded
	Recorded Grade = "recorded" // Daybook saw it itself, and wrote it into the log
	Claimed  Grade = "claimed"  // somebody or some clock says so, and Daybook wrote that down
	Unknown  Grade = "unknown"  // nobody said
)

// Meaning is a grade in words.
type Meaning struct {
	Grade   Grade  `json:"grade"`
	Meaning string `json:"meaning"`
}

// Legend explains the grades, strongest first.
func Legend() []Meaning {
	return []Meaning{
		{Proved, "files at hand were read for this audit, and have the digest that was recorded"},
		{Recorded, "Daybook observed it and wrote it into its log, which was checked for this audit"},
		{Claimed, "somebody, or a machine's clock, says so; Daybook only wrote that down"},
		{Unknown, "nobody said"},
	}
}

// Statement is one thing that an audit says.
type Statement struct {
	Key   string `json:"key"` // stable identifier, unique within its section
	Name  string `json:"name"`
	Value string `json:"value"`
	Grade Grade  `json:"grade"`
	Rests string `json:"rests_on"` // what the grade rests on
}

// Section is statements about one thing.
type Section struct {
	Key        string      `json:"key"`
	Title      string      `json:"title"`
	Statements []Statement `json:"statements"`
}

// Audit is the answer.
type Audit struct {
	Adapter  string           `json:"adapter"` // name, such as clinical@v7
	Digest   ledger.Digest    `json:"digest"`
	Sound    bool             `json:"sound"` // nothing contradicts the log
	Problems []ledger.Problem `json:"problems"`
	Log      string           `json:"log"` // what vouches for entries
	Legend   []Meaning        `json:"legend"`
	Sections []Section        `json:"sections"`
	Facts    *ledger.Trace    `json:"facts"`

	Later []int64 `json:"-"` // entries that it cites beside those of Facts: what came after the adapter
}

// Evidence is what was checked, by whoever asks for an audit.
type Evidence struct {
	Log      string                   // what vouches for entries: the log or a proof, under which key
	Cite     string                   // how an entry is cited, with %d for its number
	Seen     map[ledger.Digest]string // what was digested just now, and where it is
	Changed  map[ledger.Digest]string // what was digested just now and is something else, and where it is
	Problems []ledger.Problem
	Unsigned bool // nobody has signed the log: what it says is a claim
}

// Subject is what an audit is about: a trace, and what came after it.
type Subject struct {
	Trace         *ledger.Trace
	Aliases       []string
	SignOffs      []ledger.Cited[ledger.SignOff]
	Reproductions []ledger.Reproduction
	Forgotten     []ledger.Cited[ledger.TracedSet] // sets that lack a record now
	Later         bool                             // whether what came after the adapter was published is known here
}

// New makes an audit.
func New(s Subject, e Evidence) (*Audit, error) {
	b := &builder{Subject: s, evidence: e, audit: &Audit{
		Adapter: s.Trace.Adapter.Fact.Name(), Digest: s.Trace.Adapter.Fact.Digest, Sound: len(e.Problems) == 0,
		Problems: append([]ledger.Problem{}, e.Problems...), Log: e.Log, Legend: Legend(), Facts: s.Trace,
	}}
	for _, c := range s.SignOffs {
		b.audit.Later = append(b.audit.Later, c.Entry)
	}
	for _, r := range s.Reproductions {
		b.audit.Later = append(b.audit.Later, r.Entry)
	}
	if err := b.readSpec(); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	for _, section := range []func(){b.adapter, b.data, b.use, b.base, b.settings, b.code, b.machine, b.results, b.later} {
		section()
	}
	return b.audit, nil
}

// builder collects statements.
type builder struct {
	Subject
	evidence Evidence
	spec     spec
	audit    *Audit
}

func (b *builder) begin(key, title string) {
	b.audit.Sections = append(b.audit.Sections, Section{Key: key, Title: title, Statements: []Statement{}})
}

func (b *builder) add(s Statement) {
	if s.Value == "" {
		s.Value, s.Grade, s.Rests = "not recorded", Unknown, "nothing"
	}
	last := &b.audit.Sections[len(b.audit.Sections)-1]
	last.Statements = append(last.Statements, s)
}

func (b *builder) cite(entry int64) string {
	if entry == 0 {
		return "the ledger"
	}
	return fmt.Sprintf(b.evidence.Cite, entry)
}

// recorded says what Daybook observed; an empty value is unknown.
func (b *builder) recorded(entry int64, key, name, value string) {
	if by := b.hearsay(entry); by != "" {
		b.claimed(entry, by, key, name, value)
		return
	}
	b.add(Statement{key, name, value, Recorded, b.cite(entry)})
}

// Who says what Daybook did not observe itself.
const (
	byUnsigned = "a ledger that nobody has signed"
	byJournal  = "a journal that came from another machine, and that nobody signed"
)

// hearsay says whose claim an entry is that would be Daybook's own word otherwise,
// "" if it is that.
func (b *builder) hearsay(entry int64) string {
	if b.evidence.Unsigned {
		return byUnsigned
	}
	for _, a := range b.Trace.Attempts {
		if !a.Fact.Unauthenticated {
			continue
		}
		if entry == 0 || entry == a.Entry {
			return byJournal
		}
		for _, m := range b.Trace.Measured {
			if m.Entry == entry && m.Fact.Run == b.Trace.Run.Key && m.Fact.Attempt == a.Fact.Number {
				return byJournal
			}
		}
	}
	return ""
}

// claimed says what somebody told Daybook; an empty value is unknown.
func (b *builder) claimed(entry int64, by, key, name, value string) {
	b.add(Statement{key, name, value, Claimed, by + ", in " + b.cite(entry)})
}

// said says what the ledger as a whole does.
func (b *builder) said(key, name, value string) {
	if b.evidence.Unsigned {
		b.claimed(0, byUnsigned, key, name, value)
		return
	}
	b.add(Statement{key, name, value, Recorded, b.cite(0)})
}

// digested says that something has a digest, which is proved if its bytes are at hand.
func (b *builder) digested(entry int64, key, name, value string, digest ledger.Digest) {
	if digest == "" {
		b.add(Statement{Key: key, Name: name})
		return
	}
	if value != "" {
		value += ", "
	}
	s := Statement{key, name, value + "SHA-256 " + digest, Recorded, b.cite(entry)}
	if by := b.hearsay(entry); by != "" {
		s.Grade, s.Rests = Claimed, by+", in "+b.cite(entry)
	}
	if where, ok := b.evidence.Seen[digest]; ok {
		s.Grade, s.Rests = Proved, where+", digested now; "+b.cite(entry)
	}
	if where, ok := b.evidence.Changed[digest]; ok {
		s.Rests += "; " + where + " has other bytes now"
	}
	b.add(s)
}
