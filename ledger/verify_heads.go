package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
)

// heads checks who signs the log, that its newest head is over all entries, and
// that it goes on from every head that is known from elsewhere.
func (c *check) heads() error {
	for _, e := range c.chain {
		if err := c.link(e); err != nil {
			c.v.problem(fmt.Sprintf("entry %d", e.Seq), "%s: %v", e.Type, err)
		}
	}
	c.v.Signers = c.signers
	if err := c.newest(); err != nil {
		return err
	}
	for _, known := range c.o.Roots {
		c.unsigned(known)
	}
	if len(c.signers) == 0 {
		if c.o.Key != "" {
			c.v.problem("key", "nobody has signed the log: the one given vouches for none of it")
		}
		return nil
	}
	in := c.signers[len(c.signers)-1]
	c.v.Origin, c.v.Key = in.Origin, in.Key
	c.trust(in)
	for _, seen := range c.seen {
		c.since(seen)
	}
	if c.o.Key == "" && (c.o.Keys == nil || !c.o.Keys.Has(in.Key)) {
		c.v.note("whose key signs the ledger is its own claim: the private key is not on this machine, and no public key was given to compare with")
	}
	for _, h := range c.o.Heads {
		found, ok := c.goesOnFrom(h.From, h.Note)
		switch {
		case ok && h.Nearby:
			c.v.Checked = append(c.v.Checked, fmt.Sprintf("%s: %d entries", h.From, found.Size))
			c.v.Nearby = max(c.v.Nearby, found.Size)
		case ok:
			c.elsewhere(h.From, found)
		}
	}
	if c.v.Anchored < c.v.Entries {
		c.v.note("the holder of the key could still rewrite entries %d to %d unnoticed: no head over them was shown from elsewhere", c.v.Anchored+1, c.v.Entries)
	}
	if c.v.Nearby > c.v.Anchored {
		c.v.note("heads over %d entries are on this machine, where the holder of the key could write others: they count once somebody else has a copy, which --anchor shows", c.v.Nearby)
	}
	return nil
}

// since holds the log against the last head of an origin that was signed here. The
// entries that an origin has lost at the break after it are told by what that cites,
// unless it keeps quiet about some.
func (c *check) since(seen seenHead) {
	where := "last head signed on this machine"
	if seen.origin == c.v.Origin {
		c.goesOnFrom(where, seen.note)
		return
	}
	where += ", of " + seen.origin
	h, err := evidence.PeekHead(seen.note)
	if err != nil {
		c.v.problem(where, "%v", err)
		return
	}
	end := int64(0) // where another origin goes on
	for i, s := range c.signers {
		if i > 0 && s.Origin != seen.origin && c.signers[i-1].Origin == seen.origin {
			end = s.Entry
		}
	}
	cited, err := evidence.PeekHead([]byte(c.cites[end]))
	told := err == nil && cited.Origin == seen.origin && cited.Size >= h.Size
	switch {
	case h.Size < end:
		c.goesOnFrom(where, seen.note)
	case !told:
		c.v.problem(where, "it is over %d entries; the break at entry %d keeps quiet about %d of them: an older copy was put back before it", h.Size, end, h.Size-end+1)
	}
}

// link checks an entry about the log itself.
func (c *check) link(e evidence.Entry) error {
	before := e.Seq - 1
	switch e.Type {
	case typeOrigin:
		var f originFact
		if err := json.Unmarshal(e.Body, &f); err != nil {
			return err
		}
		key, err := note.NewVerifier(f.Key)
		if err != nil {
			return err
		}
		if key.Name() != f.Origin || f.Before != before {
			return fmt.Errorf("%w: it is of %s, after %d entries", evidence.ErrForm, key.Name(), f.Before)
		}
		if before > 0 {
			c.v.note("break at entry %d: the entries before it are not vouched for by the key of %s: %s", e.Seq, f.Origin, f.Reason)
		}
		if c.cites[e.Seq] = f.Cites; f.Cites != "" {
			c.cited(e.Seq, f.Cites)
		}
		c.signers = append(c.signers, Signer{Entry: e.Seq, Origin: f.Origin, Key: f.Key, Vouches: e.Seq, Reason: f.Reason})
	case typeKey:
		var f keyFact
		if err := json.Unmarshal(e.Body, &f); err != nil {
			return err
		}
		r, err := evidence.OpenRotation(f.Statement)
		if err != nil {
			return err
		}
		if len(c.signers) == 0 {
			return errors.New("there is no key to replace")
		}
		in := c.signers[len(c.signers)-1]
		if r.Old != in.Key || r.Head.Origin != in.Origin || r.Head.Size != before {
			return fmt.Errorf("%w: it replaces %s of %s after %d entries", evidence.ErrForm, r.Old, r.Head.Origin, r.Head.Size)
		}
		if root, err := tlog.TreeHash(before, c.hashes); err != nil || root != r.Head.Root {
			return errors.New("the entries before it are not those that its keys have signed")
		}
		c.signers = append(c.signers, Signer{Entry: e.Seq, Origin: in.Origin, Key: r.New, Replaces: r.Old, Vouches: in.Vouches})
	case typeAnchor:
		var a Anchor
		if err := json.Unmarshal(e.Body, &a); err != nil {
			return err
		}
		return c.anchored(e.Seq, a)
	case typeMerged:
		var o Origin
		if err := json.Unmarshal(e.Body, &o); err != nil {
			return err
		}
		return o.check() // whether the log goes on from it is seen in the log
	}
	return nil
}

// anchored checks the head of an anchor, and the witness who signed it.
func (c *check) anchored(seq int64, a Anchor) error {
	where := fmt.Sprintf("entry %d, %s %s", seq, a.Kind, a.Place)
	h, ok := c.goesOnFrom(where, []byte(a.Note))
	if !ok || a.Kind != AnchorWitness {
		return nil // the entry is no evidence of what is in the file
	}
	witness, err := evidence.NewVerifier(a.Place)
	if err != nil {
		return err
	}
	_, n, err := evidence.OpenHead([]byte(a.Note), witness)
	if err != nil {
		return err
	}
	at, err := evidence.CosignedAt(n.Sigs[0])
	if err != nil {
		return err
	}
	c.elsewhere(fmt.Sprintf("witness %s, who signed at %s", witness.Name(), at.Format(time.RFC3339)), h)
	return nil
}

// cited looks at the last head of the origin before a break. What it was over
// and is no more is part of what the break says.
func (c *check) cited(seq int64, signed string) {
	where := fmt.Sprintf("entry %d, the head that it cites", seq)
	h, err := c.signed([]byte(signed))
	switch {
	case errors.Is(err, errSigner) && h.Size >= seq: // by a key that entries lost since had introduced
		c.v.note("%s is over %d entries: %d are lost since, among them the one that says whose signature is on it", where, h.Size, h.Size-seq+1)
	case err != nil:
		c.v.problem(where, "%v", err)
	case h.Size >= seq:
		c.v.note("%s is over %d entries: %d are lost since", where, h.Size, h.Size-seq+1)
	default:
		if root, err := tlog.TreeHash(h.Size, c.hashes); err != nil || root != h.Root {
			c.v.problem(where, "the first %d entries are not those that it was signed over", h.Size)
		}
	}
}

// newest checks the head that the ledger itself holds.
func (c *check) newest() error {
	var size, rows int64
	var signed string
	found, err := none(c.conn.QueryRowContext(c.ctx, "SELECT size, note, (SELECT count(*) FROM main.head) FROM main.head").Scan(&size, &signed, &rows))
	switch {
	case err != nil:
		return err
	case rows > 1:
		c.v.problem("head", "there are %d", rows)
		return nil
	case !found && len(c.signers) > 0:
		c.v.problem("head", "it is missing")
		return nil
	case !found:
		if c.v.Entries > 0 {
			c.v.note("nobody has signed anything yet: the ledger was written before it was a log, and nothing was added since")
		}
		return nil
	case len(c.signers) == 0:
		c.v.problem("head", "no entry says whose key has signed it")
		return nil
	}
	key, err := note.NewVerifier(c.signers[len(c.signers)-1].Key)
	if err != nil {
		c.v.problem("head", "%v", err)
		return nil //nolint:nilerr // it is what is wrong with the ledger, not with reading it
	}
	h, _, err := evidence.OpenHead([]byte(signed), key)
	if err != nil {
		c.v.problem("head", "it is not signed by the ledger's key: %v", err)
		return nil //nolint:nilerr // as above
	}
	root, err := tlog.TreeHash(c.v.Entries, c.hashes)
	if err != nil {
		return err
	}
	c.v.Root = root.String()
	if h.Size != c.v.Entries || size != h.Size || root != h.Root {
		c.v.problem("head", "it is signed over %d entries with root %s; there are %d with root %s", h.Size, h.Root, c.v.Entries, root)
	}
	return nil
}

// trust compares the key in force with the one that the reader knows.
func (c *check) trust(in Signer) {
	if c.o.Key == "" {
		return
	}
	for i := len(c.signers) - 1; i >= 0; i-- {
		if c.signers[i].Key == c.o.Key {
			return
		}
		if c.signers[i].Replaces == "" {
			break
		}
	}
	for _, s := range c.signers {
		if s.Key == c.o.Key {
			c.v.problem("key", "the one given signed from entry %d on, and the log went on after a break under %s", s.Entry, in.Key)
			return
		}
	}
	c.v.problem("key", "the log is signed by %s, which doesn't follow from the one given", in.Key)
}

// goesOnFrom compares the log with a head that one of its keys has signed.
func (c *check) goesOnFrom(where string, signed []byte) (evidence.Head, bool) {
	h, err := c.signed(signed)
	if err != nil {
		c.v.problem(where, "%v", err)
		return h, false
	}
	if h.Size > c.v.Entries {
		c.v.problem(where, "it is over %d entries, the log has only %d: an older copy was put back, or the last entries were cut off", h.Size, c.v.Entries)
		return h, false
	}
	root, err := tlog.TreeHash(h.Size, c.hashes)
	if err != nil || root != h.Root {
		c.v.problem(where, "the first %d entries are not those that it was signed over", h.Size)
		return h, false
	}
	return h, true
}

// unsigned compares the log with a root that was seen of it earlier.
func (c *check) unsigned(known KnownRoot) {
	if known.Entries > c.v.Entries {
		c.v.problem(known.From, "it is over %d entries, the log has only %d: the last entries were cut off", known.Entries, c.v.Entries)
		return
	}
	if root, err := tlog.TreeHash(known.Entries, c.hashes); err != nil || root.String() != known.Root {
		c.v.problem(known.From, "the first %d entries are not those that were there", known.Entries)
		return
	}
	c.v.Checked = append(c.v.Checked, fmt.Sprintf("%s: %d entries", known.From, known.Entries))
}

// elsewhere remembers a sound head that the holder of the key can't change.
func (c *check) elsewhere(from string, h evidence.Head) {
	c.v.Checked = append(c.v.Checked, fmt.Sprintf("%s: %d entries", from, h.Size))
	c.v.Anchored = max(c.v.Anchored, h.Size)
}

// signed reads a head that a key of the log has signed.
func (c *check) signed(data []byte) (evidence.Head, error) {
	peeked, err := evidence.PeekHead(data)
	if err != nil {
		return peeked, err
	}
	same := false
	for _, s := range c.signers {
		if s.Origin != peeked.Origin {
			continue
		}
		same = true
		if key, err := note.NewVerifier(s.Key); err == nil {
			if h, _, err := evidence.OpenHead(data, key); err == nil {
				return h, nil
			}
		}
	}
	if !same {
		return peeked, fmt.Errorf("it is a head of another log, %s", peeked.Origin)
	}
	return peeked, errSigner
}

var errSigner = errors.New("no key of this log has signed it")
