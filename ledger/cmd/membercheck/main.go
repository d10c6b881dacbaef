// Command membercheck checks what a bundle of a Daybook ledger proves about
// records: which of the sets that runs were trained on they are in, and which they
// are not in; and which runs have them through an adapter that they go on from. Like
// ledgercheck, which checks the log itself and should be run on the same bundle, it
// shares no code with Daybook; the package comment of daybook/ledger is the format
// that it follows.
//
//	membercheck [-key KEY] [-record FILE] BUNDLE
//
// Which record the identities in a bundle are of is the word of who made it. -record
// takes the record itself, as JSON, and computes its identity anew; those by content
// and near differ by how a sweep reads a record's keys, and stay the maker's word.
//
// It ends with 0 if the proofs hold, whatever they prove, 4 if one doesn't or one is
// missing, 2 if it was called wrong.
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit code.
func run(args []string, out, problems io.Writer) int {
	flags := flag.NewFlagSet("membercheck [flags] BUNDLE", flag.ContinueOnError)
	flags.SetOutput(problems)
	var key string
	flags.Func("key", "the ledger's public `key`, even if it was replaced since, to check who has signed; without, ledgercheck has to", func(text string) error {
		_, err := note.NewVerifier(text)
		key = text
		return err
	})
	record := flags.String("record", "", "`file` with the record in question, as JSON: the bundle has to be about it")
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 {
		return 2
	}
	z, err := zip.OpenReader(flags.Arg(0))
	if err != nil {
		_, _ = fmt.Fprintln(problems, "membercheck:", err)
		return 2
	}
	defer func() { _ = z.Close() }()
	c := &checker{out: out, zip: &z.Reader, sets: map[int64]membership{}, runs: map[string]bool{}, plans: map[string][]plan{}}
	if *record != "" {
		text, err := os.ReadFile(*record)
		if err == nil {
			c.asked, err = recordID(text)
		}
		if err != nil {
			_, _ = fmt.Fprintf(problems, "membercheck: -record %s: %v\n", *record, err)
			return 2
		}
	}
	if err := c.log(key); err != nil { // then nothing that follows from entries is worth saying
		c.problem("%v", err)
		return 4
	}
	if err := c.proofs(); err != nil {
		c.problem("%v", err)
	}
	c.outside()
	if c.bad > 0 {
		return 4
	}
	return 0
}

// checker is one call of run.
type checker struct {
	out     io.Writer
	bad     int
	zip     *zip.Reader
	sets    map[int64]membership // in force, by entry
	runs    map[string]bool      // keys of those that were begun to train
	plans   map[string][]plan    // by key
	lineage lineage
	asked   []byte  // identity of the record in question; nil if the bundle alone says what is asked
	anew    []int64 // entries that commit to what is left of a set, after a record was forgotten
}

// membership is the body of an entry that commits to a set.
type membership struct {
	Set, Role, Keys string
	Records         int
	Replaces        int64
	Trees           map[string]struct{ Root string }
}

// plan is a run as a sweep planned it.
type plan struct {
	Key, Sweep string
	Axes       []struct{ Axis, Label string }
	TrainSet   string `json:"train_set"`
	Base       string
	Spec       json.RawMessage
}

// name is how a sweep's author knows the run.
func (p plan) name() string {
	out := p.Sweep
	for _, choice := range p.Axes {
		out += fmt.Sprintf(" %s=%s", choice.Axis, choice.Label)
	}
	return out
}

func (c *checker) say(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format+"\n", args...) }

func (c *checker) problem(format string, args ...any) {
	c.bad++
	c.say("MISMATCH: "+format, args...)
}

// log reads every entry, and compares their tree with the head.
func (c *checker) log(key string) error {
	// Of files of one name, others may read another.
	if err := fs.WalkDir(c.zip, ".", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		return err
	}
	r, err := c.zip.Open("entries.jsonl")
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 256<<20)
	var t tree
	for n := int64(0); lines.Scan(); n++ {
		var e struct {
			Seq  int64
			Type string
			Body json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("entry %d: %w", n+1, err)
		}
		if e.Seq != n+1 {
			return fmt.Errorf("entry %d follows entry %d", e.Seq, n)
		}
		if err := c.entry(e.Seq, e.Type, e.Body); err != nil {
			return fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		if key != "" && e.Type == "key" {
			if key, err = follow(key, e.Body); err != nil {
				return fmt.Errorf("entry %d: %w", e.Seq, err)
			}
		}
		hashes, err := tlog.StoredHashes(n, lines.Bytes(), t)
		if err != nil {
			return err
		}
		t = append(t, hashes...)
	}
	return errors.Join(lines.Err(), c.head(t, key))
}

// entry notes what an entry says of runs and sets.
func (c *checker) entry(seq int64, kind string, body []byte) error {
	switch kind {
	case "sweep":
		var s struct {
			Name    string
			Planned []plan
		}
		if err := json.Unmarshal(body, &s); err != nil {
			return err
		}
		for _, r := range s.Planned {
			r.Sweep = s.Name
			c.plans[r.Key] = append(c.plans[r.Key], r)
		}
	case "attempt":
		var a struct{ Run, Kind string }
		if err := json.Unmarshal(body, &a); err != nil {
			return err
		}
		if a.Kind == "train" {
			c.runs[a.Run] = true
		}
	case "membership":
		var m membership
		if err := json.Unmarshal(body, &m); err != nil {
			return err
		}
		if delete(c.sets, m.Replaces); m.Replaces != 0 {
			c.anew = append(c.anew, seq)
		}
		c.sets[seq] = m
	}
	return c.lineage.entry(kind, body)
}

// head compares the entries with the head, and the head with who is to sign it.
func (c *checker) head(t tree, key string) error {
	signed, err := fs.ReadFile(c.zip, "head")
	if err != nil {
		return err
	}
	text, _, _ := strings.Cut(string(signed), "\n\n")
	if key != "" {
		v, err := note.NewVerifier(key)
		if err != nil {
			return err
		}
		n, err := note.Open(signed, note.VerifierList(v))
		if err != nil {
			return fmt.Errorf("head: %w", err)
		}
		text = strings.TrimSuffix(n.Text, "\n")
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 3 {
		return errors.New("head: want origin, size and root")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 {
		return fmt.Errorf("head: its size is %q", lines[1])
	}
	root, err := tlog.TreeHash(size, t)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	if root.String() != lines[2] || tlog.StoredHashCount(size) != int64(len(t)) {
		return errors.New("head: it is not over the entries that are here")
	}
	c.say("log: %d entries, %d runs begun to train, %d sets committed to", size, len(c.runs), len(c.sets))
	if len(c.anew) > 0 {
		c.say("of sets from which a record was taken since, only what is left is committed to: entries %v", c.anew)
	}
	return nil
}

// proofs checks every proof: of each record, in each set that an entry commits to.
func (c *checker) proofs() error {
	data, err := fs.ReadFile(c.zip, "membership.json")
	if err != nil {
		return err
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("membership.json: %w", err)
	}
	if d.Version != 1 || len(d.Records) == 0 {
		return errors.New("membership.json: it asks for nothing, or is of a version that this command doesn't read")
	}
	if err := c.about(d.Records); err != nil {
		return fmt.Errorf("membership.json: %w", err)
	}
	proved := map[int64]proved{}
	for _, s := range d.Sets {
		proved[s.Entry] = s
	}
	in := make([]map[string][]string, len(d.Records)) // by set: identities by which it is in it
	for i := range in {
		in[i] = map[string][]string{}
	}
	for _, entry := range slices.Sorted(maps.Keys(c.sets)) {
		m, s := c.sets[entry], proved[entry]
		if len(s.Proofs) != len(d.Records) || commitment(d.RootKey, s.Key) != m.Keys {
			c.problem("entry %d, set %.12s: there are no proofs, or they are under other keys", entry, m.Set)
			continue
		}
		for i, record := range d.Records {
			for _, identity := range slices.Sorted(maps.Keys(record)) {
				p, ok := s.Proofs[i][identity]
				if !ok {
					c.problem("entry %d: no proof of record %d by %s", entry, i+1, identity)
					continue
				}
				place := keyed(s.Key, keyed(d.RootKey, record[identity]))
				present, err := p.check(m.Trees[identity].Root, place)
				if err != nil {
					c.problem("entry %d, record %d by %s: %v", entry, i+1, identity, err)
				}
				if present {
					in[i][m.Set] = append(in[i][m.Set], identity)
				}
			}
		}
	}
	if c.bad == 0 {
		for i, record := range d.Records {
			c.answer(i, d.Records, in[i])
			for _, identity := range []string{"record", "content", "near"} {
				if record[identity] == nil {
					c.say("  it was not looked for by %s: none of this is about what has that in common with it", identity)
				}
			}
		}
	}
	return nil
}

// about checks that the records are named by identities that there are, and that the
// one in question is among them.
func (c *checker) about(records []map[string]hexes) error {
	found := false
	for i, record := range records {
		if len(record) == 0 {
			return fmt.Errorf("record %d has no identity", i+1)
		}
		for identity, id := range record {
			if !slices.Contains(identities, identity) || len(id) != sha256.Size {
				return fmt.Errorf("record %d: there is no such identity as %q, or it isn't one of %d bytes", i+1, identity, sha256.Size)
			}
		}
		found = found || bytes.Equal(record["record"], c.asked)
	}
	switch {
	case c.asked == nil:
		c.say("which record the identities are of is the word of who made the bundle: -record FILE computes one anew")
	case !found:
		return fmt.Errorf("none of its records is the one given, %x", c.asked)
	}
	return nil
}

// identities are the names of those by which a record can be in a set.
var identities = []string{"content", "example", "near", "record"}

// answer says what is proved of a record.
func (c *checker) answer(i int, records []map[string]hexes, in map[string][]string) {
	record := records[i]
	again := ""
	for j, other := range records[:i] {
		if record["record"] != nil && bytes.Equal(other["record"], record["record"]) {
			again = fmt.Sprintf(", which is record %d as other runs read it or make an example of it", j+1)
			break
		}
	}
	c.say("record %d%s", i+1, again)
	for _, identity := range slices.Sorted(maps.Keys(record)) {
		note := ""
		if identity == "record" && bytes.Equal(record[identity], c.asked) {
			note = ": the record given"
		}
		c.say("  %s %x%s", identity, record[identity], note)
	}
	committed := map[string]bool{} // whole
	for _, m := range c.sets {
		whole, known := committed[m.Set]
		committed[m.Set] = m.Replaces == 0 && (whole || !known)
	}
	exposed, known, near := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(c.plans)) {
		known[key] = true
		for _, r := range c.plans[key] {
			known[key] = known[key] && committed[r.TrainSet]
			by := slices.DeleteFunc(slices.Clone(in[r.TrainSet]), func(identity string) bool { return identity == "near" })
			near[key] = near[key] || len(in[r.TrainSet]) > len(by)
			if len(by) == 0 || exposed[key] || !c.runs[key] {
				continue
			}
			exposed[key] = true
			c.say("  run %.12s %s: in its training set, by %s", key, r.name(), strings.Join(by, ", "))
		}
	}
	absent, unknown, obscured := 0, 0, 0
	for _, key := range slices.Sorted(maps.Keys(c.runs)) {
		through, obscure := c.inherited(key, exposed, known)
		switch {
		case exposed[key]:
		case through != "":
			c.say("  run %.12s %s: through adapter %.12s, which it has in it from its beginning and run %.12s made", key, c.plans[key][0].name(), through, c.lineage.makers[through][0])
		case !known[key]:
			unknown++
		case obscure:
			obscured++
		default:
			absent++
			if near[key] {
				c.say("  run %.12s: only what differs from it in Unicode form, case or white space", key)
			}
		}
	}
	c.say("  not in the committed training sets of %d runs; unknown of %d, to whose sets no entry commits, or only to what is left of them", absent, unknown)
	if obscured > 0 {
		c.say("  unknown of %d more: an adapter is in them from their beginning of which no set here tells what it was trained on", obscured)
	}
}

// commitment is what an entry says of keys.
func commitment(root, set hexes) string {
	return fmt.Sprintf("%x", sha256.Sum256(slices.Concat([]byte("daybook membership keys v1\n"), root, set)))
}
