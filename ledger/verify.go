package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
	"daybook/ledger/keyring"
)

// Problem is something in a ledger that isn't as its history says.
type Problem struct {
	Where string `json:"where"` // such as "entry 12" or "metric_values, evaluation 3, ordinal 0"
	What  string `json:"what"`
}

func (p Problem) String() string { return p.Where + ": " + p.What }

// SortProblems puts problems in the order of where they are.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Where, b.Where) })
}

// Verification is what Verify found.
type Verification struct {
	Entries  int64     `json:"entries"`
	Origin   string    `json:"origin"`
	Root     string    `json:"root"`
	Key      string    `json:"key"`      // in force
	Signers  []Signer  `json:"signers"`  // as the entries have them
	Anchored int64     `json:"anchored"` // entries that an anchor was checked to hold; 0 if none was
	Checked  []string  `json:"checked"`  // heads that the log was compared with, and where they are from
	Notes    []string  `json:"notes"`    // what a reader has to know, and is no mismatch
	Problems []Problem `json:"problems"`
	More     int       `json:"more"` // problems beyond those listed
}

// maxProblems bounds a list: a table that somebody emptied needs no line a row.
const maxProblems = 100

func (v *Verification) problem(where, format string, args ...any) {
	if len(v.Problems) >= maxProblems {
		v.More++
		return
	}
	v.Problems = append(v.Problems, Problem{where, fmt.Sprintf(format, args...)})
}

func (v *Verification) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

// VerifyOptions say what to hold a ledger against.
type VerifyOptions struct {
	Keys  *keyring.Ring // beside which the last head signed here is kept; nil to do without
	Key   string        // public key that is known to be the ledger's; "" to believe the ledger
	Heads []KnownHead   // from elsewhere
	// Progress is told how much of the work is done. It is called from several goroutines.
	Progress func(done, total int64)
}

// KnownHead is a signed head that is kept outside of the ledger.
type KnownHead struct {
	From string // for messages
	Note []byte
}

// Verify checks that every entry, hash and signature of the log is sound, that
// it goes on from every known head, that the query tables are those that follow
// from the entries, and that the lists of identifiers are those that the entries
// commit to. Leases and reserved version numbers are no history and are not
// looked at. It changes nothing, and looks at one state of the ledger however much
// is added meanwhile. The error is about reading the ledger, not about what is
// wrong in it.
func (l *Ledger) Verify(ctx context.Context, o VerifyOptions) (*Verification, error) {
	dir, err := os.MkdirTemp("", "daybook-verify-")
	if err != nil {
		return nil, fmt.Errorf("ledger: verify: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing of value
	again, err := openScratch(ctx, filepath.Join(dir, "again.db"))
	if err != nil {
		return nil, fmt.Errorf("ledger: verify: %w", err)
	}
	c := &check{ctx: ctx, ledger: l, o: o, v: &Verification{Problems: []Problem{}, Notes: []string{}, Checked: []string{}}, again: again}
	if err := errors.Join(c.run(), again.close()); err != nil {
		if ended := ctx.Err(); ended != nil {
			err = ended
		}
		return nil, l.explain(fmt.Errorf("verify: %w", err))
	}
	return c.v, nil
}

// check is one call of Verify.
type check struct {
	ctx    context.Context // of the one call that this lives for
	ledger *Ledger
	o      VerifyOptions
	v      *Verification
	again  *scratch // query tables made again from the entries

	conn    *sql.Conn        // in one read transaction
	chain   []evidence.Entry // those about keys and anchors
	leaves  []tlog.Hash
	hashes  grown    // the whole tree, by stored-hash index
	signers []Signer // as the entries have them
}

func (c *check) run() (err error) {
	db, err := connect(c.ledger.path, c.ledger.mode, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if c.conn, err = db.Conn(c.ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.conn.Close()) }()
	if _, err := c.conn.ExecContext(c.ctx, "ATTACH ? AS again", c.again.path); err != nil {
		return err
	}
	if _, err := c.conn.ExecContext(c.ctx, "BEGIN"); err != nil {
		return err
	}
	for _, step := range []func() error{c.file, c.log, c.tree, c.heads, c.schema, c.tables, c.lists} {
		err := step()
		if errors.Is(classified(err), ErrDamaged) {
			c.v.problem("database", "%v", err)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file looks for damage that SQLite knows of.
func (c *check) file() error {
	rows, err := c.conn.QueryContext(c.ctx, "PRAGMA main.integrity_check(20)")
	if err != nil {
		return err
	}
	said, err := scanAll(rows, scanText)
	for _, line := range said {
		if line != "ok" {
			c.v.problem("database", "%s", line)
		}
	}
	return err
}

// batch is how many entries are looked at together.
const batch = 4096

// log reads every entry once: it is hashed, and the query tables are made again
// from it, beside each other.
func (c *check) log() error {
	var total int64
	if err := c.conn.QueryRowContext(c.ctx, "SELECT count(*) FROM entries").Scan(&total); err != nil {
		return err
	}
	rows, err := c.conn.QueryContext(c.ctx, "SELECT seq, time, type, version, body FROM entries ORDER BY seq")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	todo := make(chan []evidence.Entry, 2)
	var wg sync.WaitGroup
	wg.Go(func() {
		done := int64(0)
		for entries := range todo {
			c.again.project(c.ctx, entries)
			if done += int64(len(entries)); c.o.Progress != nil {
				c.o.Progress(done, total)
			}
		}
	})
	err = c.read(rows, todo)
	close(todo)
	wg.Wait()
	c.v.Entries = int64(len(c.leaves))
	return errors.Join(err, c.again.finish())
}

func (c *check) read(rows *sql.Rows, todo chan<- []evidence.Entry) error {
	var some []evidence.Entry
	for rows.Next() {
		var e evidence.Entry
		if err := rows.Scan(&e.Seq, &e.Time, &e.Type, &e.Version, (*[]byte)(&e.Body)); err != nil {
			return err
		}
		if want := int64(len(c.leaves)) + 1; e.Seq != want {
			c.v.problem(fmt.Sprintf("entry %d", want), "it is missing: entry %d follows", e.Seq)
		}
		if err := e.Check(); err != nil {
			c.v.problem(fmt.Sprintf("entry %d", e.Seq), "%v", err)
		}
		c.leaves = append(c.leaves, e.Hash())
		switch e.Type {
		case typeOrigin, typeKey, typeAnchor:
			c.chain = append(c.chain, e)
		}
		if some = append(some, e); len(some) == batch {
			todo <- some
			some = nil
		}
	}
	if len(some) > 0 {
		todo <- some
	}
	return rows.Err()
}

// tree grows the Merkle tree over the entries again and compares it with the one
// that is kept. Where a leaf differs, so does all that is above it.
func (c *check) tree() error {
	for i, leaf := range c.leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(i), leaf, c.hashes)
		if err != nil {
			return err
		}
		c.hashes = append(c.hashes, more...)
	}
	rows, err := c.conn.QueryContext(c.ctx, "SELECT id, hash FROM main.hashes ORDER BY id")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	next := int64(0)
	var changed, inner []string
	for rows.Next() {
		var id int64
		var hash sql.RawBytes
		if err := rows.Scan(&id, &hash); err != nil {
			return err
		}
		if id < 0 || id >= int64(len(c.hashes)) {
			c.v.problem("hashes", "hash %d is of no entry", id)
			continue
		}
		if id != next {
			c.v.problem("hashes", "hashes %d to %d are missing", next, id-1)
		}
		next = id + 1
		if string(hash) == string(c.hashes[id][:]) {
			continue
		}
		if level, n := tlog.SplitStoredHashIndex(id); level == 0 {
			changed = append(changed, fmt.Sprintf("entry %d", n+1))
		} else {
			inner = append(inner, fmt.Sprintf("entries %d to %d", n<<level+1, (n+1)<<level))
		}
	}
	if n := int64(len(c.hashes)); next < n {
		c.v.problem("hashes", "hashes %d to %d are missing", next, n-1)
	}
	for _, where := range changed {
		c.v.problem(where, "it has another hash than it was added with: it or its hash was changed")
	}
	if len(changed) == 0 {
		for _, where := range inner {
			c.v.problem("hashes", "the hash over %s was changed", where)
		}
	}
	return rows.Err()
}

// grown is a Merkle tree in memory, by stored-hash index.
type grown []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (g grown) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(g)) {
			return nil, fmt.Errorf("hash %d: %w", index, ErrNotFound)
		}
		out[i] = g[index]
	}
	return out, nil
}

func scanText(row *sql.Rows, s *string) error { return row.Scan(s) }

// scanAll scans each row.
func scanAll[T any](rows *sql.Rows, scan func(*sql.Rows, *T) error) ([]T, error) {
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return out, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
