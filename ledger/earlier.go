package ledger

import (
	"context"
	"database/sql"
	"encoding/binary"
)

// Members of sets that builds before membership commitments recorded: a row a
// member, and a digest of all of them in the set's entry.

// earlierMembers returns the members of a list.
func (l *Ledger) earlierMembers(ctx context.Context, list Digest) ([]Member, error) {
	return collect(ctx, l, func(rows *sql.Rows, m *Member) error {
		return rows.Scan(&m.Record, &m.Content, &m.Example, &m.Tokens, &m.Truncated)
	}, `SELECT lower(hex(record)), lower(hex(content)), lower(hex(example)), tokens, truncated
		FROM members WHERE list = (SELECT id FROM member_lists WHERE digest = ?) ORDER BY position`, list)
}

// packedMembers returns the members of a list as its digest has them: three
// identifiers and two counts each.
func (t *transaction) packedMembers(ctx context.Context, list Digest) (packed []byte, err error) {
	rows, err := t.QueryContext(ctx, `SELECT record, content, example, tokens, truncated
		FROM members WHERE list = (SELECT id FROM member_lists WHERE digest = ?) ORDER BY position`, list)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var ids [3]sql.RawBytes
		var counts [2]uint64
		if err := rows.Scan(&ids[0], &ids[1], &ids[2], &counts[0], &counts[1]); err != nil {
			return nil, err
		}
		for _, id := range ids {
			packed = append(packed, id...)
		}
		for _, n := range counts {
			packed = binary.LittleEndian.AppendUint64(packed, n)
		}
	}
	return packed, rows.Err()
}
