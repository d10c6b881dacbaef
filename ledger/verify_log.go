package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger/evidence"
)

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
	err = errors.Join(c.read(rows, todo), rows.Close())
	close(todo)
	c.v.Entries = int64(len(c.leaves))
	if err == nil {
		err = c.tree()
	}
	wg.Wait()
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
