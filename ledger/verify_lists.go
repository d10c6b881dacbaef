package ledger

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"strings"
)

// lists checks the identifiers of records, which are not in the entries: those
// that the entries commit to must be there, and no others.
func (c *check) lists() error {
	if c.ledger.copied && !c.o.Copied {
		c.v.problem("database", "it is marked as a copy of another machine's ledger, whose identifiers of records nobody has to show")
	}
	if c.ledger.copied {
		c.v.note("it is a copy of another machine's ledger: the identifiers of records stayed there, and are not compared with what the entries commit to")
		return nil
	}
	if err := c.forget(); err != nil {
		return err
	}
	evaluations := "again.evaluations"
	if c.again.summed(evaluationRows.table) {
		evaluations = "main.evaluations" // which are the same
	}
	for _, l := range []struct{ table, named string }{
		{"record_lists", "SELECT list FROM " + evaluations},
		{"member_lists", "SELECT list FROM again.sets WHERE list <> ''"},
	} {
		rows, err := c.conn.QueryContext(c.ctx, "SELECT digest, 1 FROM main."+l.table+" WHERE digest NOT IN ("+l.named+") UNION "+
			"SELECT list, 0 FROM ("+l.named+") WHERE list NOT IN (SELECT digest FROM main."+l.table+")")
		if err != nil {
			return err
		}
		type stray struct {
			digest string
			extra  bool
		}
		found, err := scanAll(rows, func(row *sql.Rows, v *stray) error { return row.Scan(&v.digest, &v.extra) })
		if err != nil {
			return err
		}
		for _, v := range found {
			if c.again.bad != (Problem{}) {
				break // which lists there should be isn't known then
			}
			if v.extra {
				c.v.problem(l.table+", "+short(v.digest), "no entry names it")
			} else {
				c.v.problem(l.table+", "+short(v.digest), "the identifiers that an entry commits to are gone")
			}
		}
	}
	if err := c.records(); err != nil {
		return err
	}
	return c.members()
}

// forget learns what lists are since a record was taken out of them.
func (c *check) forget() error {
	rows, err := c.conn.QueryContext(c.ctx, "SELECT list, now FROM again.forgotten_lists ORDER BY entry")
	if err != nil {
		return err
	}
	lists, err := scanAll(rows, func(row *sql.Rows, v *changedList) error { return row.Scan(&v.List, &v.Now) })
	if err != nil {
		return err
	}
	for _, v := range lists {
		c.forgotten[v.List] = v.Now
	}
	entries, err := c.texts("SELECT DISTINCT CAST(entry AS TEXT) FROM (SELECT entry FROM again.forgotten_sets UNION SELECT entry FROM again.forgotten_lists) ORDER BY entry")
	if err == nil && len(entries) > 0 {
		c.v.note("records were forgotten (entries %s): nothing is provable any more of what their sets held before, and %d lists of identifiers are compared with what was left of them",
			strings.Join(entries, ", "), len(c.forgotten))
	}
	return err
}

// now returns the digest of what a list is, since a record was forgotten or ever.
func (c *check) now(list Digest) Digest {
	if now, ok := c.forgotten[list]; ok {
		return now
	}
	return list
}

func (c *check) records() error {
	rows, err := c.conn.QueryContext(c.ctx, "SELECT digest, records FROM main.record_lists")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var digest string
		var packed sql.RawBytes
		if err := rows.Scan(&digest, &packed); err != nil {
			return err
		}
		if listDigest("records", packed) != c.now(digest) {
			c.v.problem("record_lists, "+short(digest), "the identifiers are not those that the digest is of")
		}
	}
	return rows.Err()
}

func (c *check) members() error {
	rows, err := c.conn.QueryContext(c.ctx, `SELECT coalesce(l.digest, ''), coalesce(l.id, m.list), m.position, m.record, m.content, m.example, m.tokens, m.truncated
		FROM main.member_lists l FULL JOIN main.members m ON m.list = l.id ORDER BY 2, 3`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var packed bytes.Buffer
	var current string
	list := int64(-1)
	flush := func() {
		if list >= 0 && (current == "" || listDigest("members", packed.Bytes()) != c.now(current)) {
			c.v.problem(fmt.Sprintf("members, list %d", list), "the identifiers are not those that the digest %.12s is of", current)
		}
		packed.Reset()
	}
	next := int64(0)
	for rows.Next() {
		var digest string
		var id int64
		var position, tokens, truncated sql.NullInt64
		var ids [3]sql.RawBytes
		if err := rows.Scan(&digest, &id, &position, &ids[0], &ids[1], &ids[2], &tokens, &truncated); err != nil {
			return err
		}
		if id != list {
			flush()
			list, current, next = id, digest, 0
		}
		if !position.Valid {
			continue // a list without members
		}
		if position.Int64 != next {
			c.v.problem(fmt.Sprintf("members, list %d", list), "position %d follows %d", position.Int64, next-1)
		}
		next = position.Int64 + 1
		for _, raw := range ids {
			if len(raw) != 32 {
				c.v.problem(fmt.Sprintf("members, list %d, position %d", list, position.Int64), "an identifier has %d bytes", len(raw))
			}
			packed.Write(raw)
		}
		var counts [16]byte
		binary.LittleEndian.PutUint64(counts[:8], uint64(tokens.Int64))
		binary.LittleEndian.PutUint64(counts[8:], uint64(truncated.Int64))
		packed.Write(counts[:])
	}
	flush()
	return rows.Err()
}
