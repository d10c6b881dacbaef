package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"golang.org/x/sync/errgroup"

	"daybook/ledger/evidence"
)

// commitments makes the trees of every set again from the index, and compares them
// with what the entries commit to. The index holds nothing else.
func (c *check) commitments() error {
	if c.ledger.copied || c.again.bad != (Problem{}) {
		return nil // what there should be isn't known then, or is elsewhere
	}
	committed, err := c.inForce()
	if err != nil {
		return err
	}
	strays, err := c.texts(`SELECT 'set_members, entry ' || entry FROM main.set_members WHERE entry NOT IN (SELECT entry FROM again.memberships m WHERE NOT EXISTS (SELECT 1 FROM again.memberships later WHERE later.replaces = m.entry))
		UNION ALL SELECT 'set_positions, entry ' || entry FROM main.set_positions WHERE entry NOT IN (SELECT entry FROM main.set_members)
		UNION ALL SELECT 'member_segments, id ' || id FROM main.member_segments WHERE pool NOT IN (SELECT id FROM main.member_pools)
		UNION ALL SELECT 'member_ids, segment ' || segment FROM main.member_ids WHERE segment NOT IN (SELECT id FROM main.member_segments)`)
	if err != nil {
		return err
	}
	for _, where := range strays {
		c.v.problem(where, "no entry names it")
	}
	if c.o.RootKey == nil && len(committed) > 0 {
		c.v.note("the key of the record IDs is not here: the keys of sets are not compared with the digests that entries have of them")
	}
	pools, err := c.pools()
	if err != nil {
		return err
	}
	for _, id := range pools {
		if err := c.pool(id, committed); err != nil {
			return err
		}
	}
	for _, m := range committed { // that no pool has
		c.v.problem(m.where(), "the identifiers that the entry commits to are gone")
	}
	return nil
}

// committedSet is an entry's commitment.
type committedSet struct {
	entry int64
	evidence.Membership
}

func (m committedSet) where() string { return fmt.Sprintf("members of entry %d", m.entry) }

// inForce returns the commitments that no later one replaces, as the entries have them.
func (c *check) inForce() (map[int64]committedSet, error) {
	rows, err := c.conn.QueryContext(c.ctx, `SELECT entry, dataset, records, encoding, key_digest, order_digest, trees FROM again.memberships m
		WHERE NOT EXISTS (SELECT 1 FROM again.memberships later WHERE later.replaces = m.entry)`)
	if err != nil {
		return nil, err
	}
	all, err := scanAll(rows, func(row *sql.Rows, m *committedSet) error {
		var trees []byte
		if err := row.Scan(&m.entry, &m.Dataset, &m.Records, &m.Encoding, &m.Keys, &m.Order, &trees); err != nil {
			return err
		}
		return json.Unmarshal(trees, &m.Trees)
	})
	out := map[int64]committedSet{}
	for _, m := range all {
		out[m.entry] = m
	}
	return out, err
}

func (c *check) texts(query string) ([]string, error) {
	rows, err := c.conn.QueryContext(c.ctx, query)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, scanText)
}

// indexPool is a pool as the index has it.
type indexPool struct {
	id                int64
	dataset, encoding string
}

func (c *check) pools() ([]indexPool, error) {
	rows, err := c.conn.QueryContext(c.ctx, "SELECT id, dataset, encoding FROM main.member_pools ORDER BY id")
	if err != nil {
		return nil, err
	}
	return scanAll(rows, func(row *sql.Rows, p *indexPool) error { return row.Scan(&p.id, &p.dataset, &p.encoding) })
}

// pool compares the sets whose members are in a pool, and takes them out of committed.
func (c *check) pool(pool indexPool, committed map[int64]committedSet) error {
	where := fmt.Sprintf("member_pools, id %d", pool.id)
	rows, err := c.conn.QueryContext(c.ctx, "SELECT entry FROM main.set_members WHERE pool = ?", pool.id)
	if err != nil {
		return err
	}
	entries, err := scanAll(rows, func(row *sql.Rows, n *int64) error { return row.Scan(n) })
	if err != nil {
		return err
	}
	members, err := readPool(c.ctx, c.conn, pool.id)
	if errors.Is(err, errIndex) {
		c.v.problem(where, "%v", err)
		maps.DeleteFunc(committed, func(_ int64, m committedSet) bool {
			return m.Dataset == pool.dataset && m.Encoding == pool.encoding
		})
		return nil
	}
	if err != nil {
		return err
	}
	used := roaring.New()
	var todo []func() *Problem
	for _, entry := range entries {
		m, ok := committed[entry]
		if !ok {
			continue // told as a stray
		}
		delete(committed, entry)
		kept, err := readCommitment(c.ctx, c.conn, entry)
		var rows []memberRow
		if err == nil {
			used.AddMany(slices.DeleteFunc(slices.Clone(kept.order), func(p uint32) bool { return p == hole }))
			rows, err = kept.members(members)
		}
		if errors.Is(err, errIndex) {
			c.v.problem(m.where(), "%v", err)
			continue
		}
		if err != nil {
			return err
		}
		if m.Dataset != pool.dataset || m.Encoding != pool.encoding {
			c.v.problem(where, "it is of another dataset or encoding than entry %d, whose members it has", entry)
		}
		todo = append(todo, func() *Problem { return m.check(rows, kept, c.o.RootKey) })
	}
	if !used.Equals(members.positions) {
		c.v.problem(where, "it has records that no set has, or lacks some")
	}
	return c.each(todo)
}

// each runs comparisons, which take seconds of large sets, side by side.
func (c *check) each(todo []func() *Problem) error {
	group, ctx := errgroup.WithContext(c.ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	found := make([]*Problem, len(todo))
	for i, f := range todo {
		group.Go(func() error {
			found[i] = f()
			return context.Cause(ctx)
		})
	}
	err := group.Wait()
	for _, p := range found {
		if p != nil {
			c.v.problem(p.Where, "%s", p.What)
		}
	}
	return err
}

// check compares members in the index, and their keys if root is known, with the
// commitment; nil if they are the same.
func (m committedSet) check(rows []memberRow, kept *keptCommitment, root *[32]byte) *Problem {
	switch {
	case root != nil && evidence.MembershipKeys{Root: *root, Set: kept.key}.Commitment() != m.Keys:
		return &Problem{m.where(), "its keys are not those that the entry commits to: nothing can be proved of its records"}
	case len(rows) != m.Records:
		return &Problem{m.where(), fmt.Sprintf("there are %d, the entry says %d", len(rows), m.Records)}
	case orderDigest(kept.order, kept.key) != m.Order:
		return &Problem{m.where(), "their order is not that which the entry commits to"}
	case !maps.Equal(heads(rows, kept.key), m.Trees):
		return &Problem{m.where(), "the identifiers are not those that the entry commits to"}
	}
	return nil
}
