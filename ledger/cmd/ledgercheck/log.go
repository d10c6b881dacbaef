package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// entry is a leaf of the log.
type entry struct {
	Seq, Version int64
	Time, Type   string
	Body         json.RawMessage
}

// entries calls f with each entry and its leaf hash.
func (c *checker) entries(f func(e entry, leaf tlog.Hash) error) error {
	r, err := c.zip.Open("entries.jsonl")
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 256<<20) // bytes: an evaluation of a million records on ten metrics
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("%w: an entry: %w", errBundle, err)
		}
		// One leaf, one reading of it: what JSON would leave open is settled by form.
		again := fmt.Sprintf(`{"body":%s,"seq":%d,"time":%q,"type":%q,"version":%d}`, e.Body, e.Seq, e.Time, e.Type, e.Version)
		if again != lines.Text() {
			return fmt.Errorf("%w: entry %d is not in canonical form", errBundle, e.Seq)
		} else if err := f(e, tlog.RecordHash(lines.Bytes())); err != nil {
			return err
		}
	}
	return lines.Err()
}

// tree is a Merkle tree, by stored-hash index.
type tree []tlog.Hash

func (t tree) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	for _, index := range indexes {
		if index < 0 || index >= int64(len(t)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		out = append(out, t[index])
	}
	return out, nil
}

// holds checks that the first entries of the tree are those of a head.
func (t tree) holds(h head) error {
	if root, err := tlog.TreeHash(h.size, t); err != nil || root != h.root {
		return fmt.Errorf("it is signed over %d entries, which are not the first here", h.size)
	}
	return nil
}

// whole checks a bundle of the complete log.
func (c *checker) whole(signed []byte) error {
	var t tree
	n := int64(0)
	if err := c.entries(func(e entry, leaf tlog.Hash) error {
		if e.Seq != n+1 {
			return fmt.Errorf("%w: entry %d follows entry %d", errBundle, e.Seq, n)
		}
		if err := c.signer(e, t); err != nil {
			c.problem("entry %d, %s: %v", e.Seq, e.Type, err)
		}
		hashes, err := tlog.StoredHashesForRecordHash(n, leaf, t)
		t = append(t, hashes...)
		n++
		return err
	}); err != nil {
		return err
	}
	if len(c.signers) == 0 {
		return fmt.Errorf("%w: no entry says who signs", errBundle)
	}
	now := c.signers[len(c.signers)-1]
	c.say("log: %d entries, signed by %s", n, now.key)
	h, err := open(signed, now.key)
	if err = errors.Join(err, t.holds(h)); err != nil || h.size != n {
		c.problem("head, over %d entries: %v", h.size, err)
	}
	c.trust()
	c.goesOn(signed, n, t.holds)
	return nil
}

// goesOn compares the log of n entries, and its head, with what is from elsewhere:
// witnesses' keys, and heads. Those in the bundle say nothing of when: whoever made it
// may have made them.
func (c *checker) goesOn(signed []byte, n int64, holds func(head) error) {
	c.witnessed(signed)
	var most int64
	all := maps.Clone(c.heads)
	names, _ := fs.Glob(c.zip, "anchors/*")
	for _, name := range names {
		data, _ := fs.ReadFile(c.zip, name) // what can't be read has no signature
		all["the bundle's "+name] = data
	}
	for _, from := range slices.Sorted(maps.Keys(all)) {
		h, err := c.ours(all[from])
		if err == nil {
			err = holds(h)
		}
		if err != nil {
			c.problem("%s: %v", from, err)
		} else if c.say("goes on from: %s, %d entries", from, h.size); c.heads[from] != nil {
			most = max(most, h.size)
		}
	}
	if most < n {
		c.say("unproved: the holder of the key could have written entries %d to %d at any time: no head over them was shown from elsewhere", most+1, n)
	}
}

// partial checks a bundle of single entries, each with a proof that it is in the
// log of a head. The key must be known: the entries don't tell it.
func (c *checker) partial(signed []byte) error {
	if c.key == "" {
		return errors.New("the bundle holds single entries: give the ledger's public key with -key")
	}
	c.signers = []signer{{c.key, ""}}
	adapters, key, leaves := 0, c.key, map[int64]tlog.Hash{}
	err := c.entries(func(e entry, leaf tlog.Hash) (err error) {
		var b struct {
			Key, Statement string            // of an origin, of a key
			Files          map[string]string // of an adapter
		}
		if _, twice := leaves[e.Seq]; twice { // the proof is of one of them
			return fmt.Errorf("%w: entry %d is there twice", errBundle, e.Seq)
		} else if leaves[e.Seq] = leaf; !slices.Contains([]string{"adapter", "origin", "key"}, e.Type) {
			return nil
		} else if err = json.Unmarshal(e.Body, &b); e.Type == "adapter" {
			adapters++
		}
		for name, digest := range b.Files {
			c.named["adapter/"+name] = digest
		}
		if lines := strings.Split(b.Statement, "\n"); len(lines) > 5 {
			b.Key = lines[5]
			if next, err := rotation(b.Statement, key, strings.Join(lines[1:4], "\n")+"\n"); err == nil { // else it was replaced before
				c.say("key: entry %d replaces %s, as both have signed", e.Seq, key)
				key = next
			}
		}
		c.signers = append(c.signers, signer{b.Key, ""})
		return err
	})
	newest, bad := open(signed, key)
	if err = errors.Join(err, bad); err != nil {
		return fmt.Errorf("entries and head: %w", err)
	}
	for _, seq := range slices.Sorted(maps.Keys(leaves)) {
		data, _ := fs.ReadFile(c.zip, fmt.Sprintf("proofs/%d.tlog-proof", seq)) // without, nothing is proved
		if err := prove(data, seq, leaves[seq], key); err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
	}
	c.say("entries: single ones of %d, each proved to be in the log; which were left out, nothing here tells", newest.size)
	if audits, _ := fs.Glob(c.zip, "audit/*"); len(audits) > 0 && adapters == 0 {
		err = errors.Join(err, errors.New("there is an audit, and no entry of the adapter that it is about"))
	}
	c.goesOn(signed, newest.size, func(h head) error {
		data, _ := fs.ReadFile(c.zip, fmt.Sprintf("consistency/%d", h.size)) // without, nothing is proved
		proof, err := hashes(strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' }))
		return errors.Join(err, tlog.CheckTree(proof, newest.size, newest.root, h.size, h.root))
	})
	return err
}

// hashes reads one from each line.
func hashes(lines []string) (out []tlog.Hash, err error) {
	for _, line := range lines {
		h, _ := tlog.ParseHash(line)
		if out = append(out, h); h.String() != line {
			err = fmt.Errorf("%q is not a hash", line)
		}
	}
	return out, err
}

// prove checks a proof (C2SP tlog-proof) that an entry is in a log.
func prove(data []byte, seq int64, leaf tlog.Hash, key string) error {
	top, signed, _ := strings.Cut(string(data), "\n\n")
	lines := strings.Split(top, "\n")
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || lines[1] != "index "+strconv.FormatInt(seq-1, 10) {
		return errors.New("not a proof of it")
	}
	proof, err := hashes(lines[2:])
	h, bad := open([]byte(signed), key)
	return errors.Join(err, bad, tlog.CheckRecord(proof, h.size, h.root, seq-1, leaf))
}

// artifacts compares files with the digests that are their names, or that an entry has.
func (c *checker) artifacts() {
	n := 0
	for _, f := range c.zip.File {
		digest, ok := strings.CutPrefix(f.Name, "artifacts/sha256/")
		if strings.HasPrefix(f.Name, "adapter/") {
			digest, ok = c.named[f.Name], true
			delete(c.named, f.Name)
		} else if strings.HasPrefix(f.Name, "audit/") || strings.HasPrefix(f.Name, "keys/") {
			c.say("unproved: %s: no entry vouches for it", f.Name)
		}
		if !ok {
			continue
		}
		data, err := fs.ReadFile(c.zip, f.Name)
		if got := fmt.Sprintf("%x", sha256.Sum256(data)); err != nil || got != strings.Replace(digest, "/", "", 1) {
			c.problem("%s: its bytes have digest %s, not %q", f.Name, got, digest)
		}
		n++
	}
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		c.problem("%s: an entry names it, and it is missing", name)
	}
	c.say("artifacts: %d", n)
}
