package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
)

// batch is how many entries, at most, are looked at together, and batchBytes about
// how long their bodies are then.
const (
	batch      = 4096
	batchBytes = 1 << 20
)

// log reads every entry once: it is hashed, and the query tables are made again
// from it, beside each other. If a table that was only summed has another sum, all
// are made row by row from a second reading, which tells what is wrong.
func (c *check) log() error {
	var total int64
	if err := c.conn.QueryRowContext(c.ctx, "SELECT count(*) FROM entries").Scan(&total); err != nil {
		return err
	}
	is := rowSumsUnder(c.again.t.sums.key)
	same := false
	err := c.replay(total, c.look, func() error {
		c.v.Entries = int64(len(c.leaves))
		if err := c.tree(); err != nil {
			return err
		}
		same = c.sum(is) == nil // an error, such as that a table isn't there, comes again
		return c.ctx.Err()
	})
	if err == nil && (!same || c.again.bad != (Problem{}) || !is.equal(c.again.t.sums)) {
		if err = c.again.whole(c.ctx); err == nil {
			err = c.replay(total, func(*evidence.Entry) {}, func() error { return nil })
		}
	}
	return errors.Join(err, c.again.finish())
}

// replay reads every entry, looks at it, and makes the query tables from it: bodies
// are read on as many processors as there are, and applied in order. When all are
// read, there is something else to do meanwhile.
func (c *check) replay(total int64, look func(*evidence.Entry), meanwhile func() error) error {
	todo := make(chan chan []readEntry, runtime.GOMAXPROCS(0)) // batches ahead of the projection
	var wg sync.WaitGroup
	wg.Go(func() {
		done := int64(0)
		for entries := range todo {
			some := <-entries
			c.again.project(c.ctx, some)
			if done += int64(len(some)); c.o.Progress != nil {
				c.o.Progress(done, total)
			}
		}
	})
	err := c.read(look, func(entries []evidence.Entry) {
		done := make(chan []readEntry, 1)
		todo <- done
		go func() { done <- readAll(entries) }()
	})
	close(todo)
	if err == nil {
		err = meanwhile()
	}
	wg.Wait()
	return err
}

func readAll(entries []evidence.Entry) []readEntry {
	out := make([]readEntry, len(entries))
	for i, e := range entries {
		at, err := parseTime(e.Time)
		if err != nil {
			out[i] = readEntry{entry: entry{Entry: e}, err: err}
			continue
		}
		out[i] = entry{e, at}.read()
	}
	return out
}

// read calls look with every entry, and with some at a time do.
func (c *check) read(look func(*evidence.Entry), do func([]evidence.Entry)) error {
	rows, err := c.conn.QueryContext(c.ctx, "SELECT seq, time, type, version, body FROM entries ORDER BY seq")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var some []evidence.Entry
	bytes := 0
	for rows.Next() {
		var e evidence.Entry
		if err := rows.Scan(&e.Seq, &e.Time, &e.Type, &e.Version, (*[]byte)(&e.Body)); err != nil {
			return err
		}
		look(&e)
		some = append(some, e)
		if bytes += len(e.Body); len(some) == batch || bytes > batchBytes {
			do(some)
			some, bytes = make([]evidence.Entry, 0, len(some)), 0
		}
	}
	if len(some) > 0 {
		do(some)
	}
	return rows.Err()
}

// look checks an entry by itself, and hashes it.
func (c *check) look(e *evidence.Entry) {
	if want := int64(len(c.leaves)) + 1; e.Seq != want {
		c.v.problem(fmt.Sprintf("entry %d", want), "it is missing: entry %d follows", e.Seq)
	}
	if err := e.Check(); err != nil {
		c.v.problem(fmt.Sprintf("entry %d", e.Seq), "%v", err)
	}
	c.leaves = append(c.leaves, e.Hash())
	switch e.Type {
	case typeOrigin, typeKey, typeAnchor, typeMerged:
		c.chain = append(c.chain, *e)
	}
}

// tree grows the Merkle tree over the entries again and compares it with the one
// that is kept. Where a leaf differs, so does all that is above it.
func (c *check) tree() error {
	c.hashes = make(grown, 0, tlog.StoredHashCount(int64(len(c.leaves))))
	for i, leaf := range c.leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(i), leaf, c.hashes)
		if err != nil {
			return err
		}
		c.hashes = append(c.hashes, more...)
	}
	if same, err := c.sameHashes(); err != nil || same {
		return err
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

// sameHashes reports whether all of the tree is kept as it should be. Many hashes are
// read as one value: a row for each takes longer than to compare them.
func (c *check) sameHashes() (same bool, err error) {
	n := len(c.hashes)
	var strays bool
	if err := c.conn.QueryRowContext(c.ctx, "SELECT coalesce((SELECT min(id) FROM main.hashes) < 0 OR (SELECT max(id) FROM main.hashes) >= ?, true)", n).Scan(&strays); err != nil || strays || n == 0 {
		return false, err
	}
	some, err := c.conn.PrepareContext(c.ctx, "SELECT min(octet_length(hash)), max(octet_length(hash)), group_concat(hash, '') FROM main.hashes WHERE id >= ? AND id < ?")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, some.Close()) }()
	should := make([]byte, 0, batch*tlog.HashSize)
	for from := 0; from < n; from += batch {
		to := min(from+batch, n)
		should = should[:0]
		for _, hash := range c.hashes[from:to] {
			should = append(should, hash[:]...)
		}
		var shortest, longest sql.NullInt64
		var is sql.NullString
		if err := some.QueryRowContext(c.ctx, from, to).Scan(&shortest, &longest, &is); err != nil {
			return false, err
		}
		if is.String != string(should) || shortest.Int64 != tlog.HashSize || longest.Int64 != tlog.HashSize {
			return false, nil
		}
	}
	return true, nil
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
