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
	Anchored int64     `json:"anchored"` // entries under a head that was shown from elsewhere, or that a witness signed; 0 if none was
	Nearby   int64     `json:"nearby"`   // entries under a head that is kept on this machine, where the key's holder may change it too
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
	// RootKey is the key of the members' IDs (evidence.RootKey), if it is here; nil to
	// do without: then nothing is known of the keys under which sets are committed to.
	RootKey *[32]byte
	Roots   []KnownRoot // likewise, of a log that nobody has signed
	Copied  bool        // it is known to be a copy of another machine's ledger, which lacks the index
	// Progress is told how much of the work is done. It is called from several goroutines.
	Progress func(done, total int64)
}

// KnownHead is a signed head that is kept outside of the ledger.
type KnownHead struct {
	From string // for messages
	Note []byte
	// Nearby says that the head was read where the holder of the key could have
	// written another: it shows what others have changed, and binds the holder to nothing.
	Nearby bool
}

// KnownRoot is the root over a log's first entries, in base64, without anybody's word for it.
type KnownRoot struct {
	From    string // for messages
	Entries int64
	Root    string
}

// Verify checks that every entry, hash and signature of the log is sound, that
// it goes on from every known head, that the query tables are those that follow
// from the entries, and that the lists of identifiers are those that the entries
// commit to; a copy of another machine's ledger has none. Leases and reserved version
// numbers are no history and are not looked at. It changes nothing, and looks at one
// state of the ledger however much is added meanwhile. In memory it keeps 96 bytes an
// entry and up to verifyCache of pages of each of three databases; the tables made
// again are on disk. The error is about reading the ledger, not about what is wrong
// in it.
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
	c := &check{ctx: ctx, ledger: l, o: o, v: &Verification{Problems: []Problem{}, Notes: []string{}, Checked: []string{}}, again: again, forgotten: map[Digest]Digest{}, cites: map[int64]string{}}
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

	seen    []seenHead       // last heads signed on this machine, from before the transaction
	conn    *sql.Conn        // in one read transaction
	chain   []evidence.Entry // those about keys and anchors
	leaves  []tlog.Hash
	hashes  grown            // the whole tree, by stored-hash index
	signers []Signer         // as the entries have them
	cites   map[int64]string // heads that breaks cite, by the entry

	forgotten map[Digest]Digest // lists that aren't whole any more, and the digest of what is left
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
	for _, database := range []string{"main", "again"} {
		if _, err := c.conn.ExecContext(c.ctx, keepPages(database)); err != nil {
			return err
		}
	}
	if err := c.see(); err != nil {
		return err
	}
	if _, err := c.conn.ExecContext(c.ctx, "BEGIN"); err != nil {
		return err
	}
	damage := make(chan soundness, 1)
	go func() { damage <- c.ledger.sound(c.ctx) }()
	for _, step := range []func() error{c.log, c.heads, c.schema, c.tables, c.lists, c.commitments} {
		if err = step(); err != nil {
			break
		}
	}
	found := <-damage
	for _, line := range found.damage {
		c.v.problem("database", "%s", line)
	}
	if err == nil {
		err = found.err
	}
	if errors.Is(classified(err), ErrDamaged) {
		c.v.problem("database", "%v", err)
		return nil
	}
	return err
}

// verifyCache is how much of each database is kept in memory, at most: an index over
// digests is looked up in no order, and is read again page by page without.
const verifyCache = 128 << 10 // KiB; the index of a million

// keepPages is the statement that makes a connection keep them.
func keepPages(database string) string {
	return fmt.Sprintf("PRAGMA %s.cache_size = -%d", database, verifyCache)
}

// seenHead is the last head of an origin that this machine signed, as a note.
type seenHead struct {
	origin string
	note   []byte
}

// see reads the heads beside the keys, of every origin that the log has had: an older
// copy, put back under an identity of somebody else's, has lost entries all the same.
// It comes first: a process that adds something meanwhile keeps a head there that
// this transaction knows nothing of.
func (c *check) see() error {
	if c.o.Keys == nil || c.ledger.copied { // of a copy, the ledger itself may have gone on
		return nil
	}
	rows, err := c.conn.QueryContext(c.ctx, "SELECT origin FROM main.signers GROUP BY origin ORDER BY max(entry)")
	if err != nil {
		return err
	}
	origins, err := scanAll(rows, scanText)
	if err != nil {
		return err
	}
	for _, origin := range origins {
		head, err := c.o.Keys.Seen(origin)
		if err != nil {
			c.v.problem("last head beside the key", "%v", err)
		}
		if head != nil {
			c.seen = append(c.seen, seenHead{origin, head})
		}
	}
	return nil
}

// soundness is what SQLite says of a file.
type soundness struct {
	damage []string
	err    error
}

// sound looks for damage that SQLite knows of, such as an index that leads astray.
func (l *Ledger) sound(ctx context.Context) (s soundness) {
	db, err := connect(l.path, l.mode, 1)
	if err != nil {
		return soundness{err: err}
	}
	defer func() { s.err = errors.Join(s.err, db.Close()) }()
	if _, err := db.ExecContext(ctx, keepPages("main")); err != nil {
		return soundness{err: err}
	}
	rows, err := db.QueryContext(ctx, "PRAGMA integrity_check(20)")
	if err != nil {
		return soundness{err: err}
	}
	lines, err := scanAll(rows, scanText)
	return soundness{slices.DeleteFunc(lines, func(line string) bool { return line == "ok" }), err}
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
