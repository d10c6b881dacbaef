package ledger

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"daybook/ledger/evidence"
)

// recordEarlierSet adds a set as builds before membership commitments did.
func recordEarlierSet(ctx context.Context, tb testing.TB, l *Ledger, s Set) {
	tb.Helper()
	var packed []byte
	f := setFact{Digest: s.Digest, Dataset: s.Dataset, Role: s.Role, Records: len(s.Members)}
	for _, m := range s.Members {
		for _, id := range []string{m.Record, m.Content, m.Example} {
			packed = must(hex.AppendDecode(packed, []byte(id)))(tb)
		}
		packed = binary.LittleEndian.AppendUint64(packed, uint64(m.Tokens))
		packed = binary.LittleEndian.AppendUint64(packed, uint64(m.Truncated))
		f.Tokens += m.Tokens
		f.Truncated += min(m.Truncated, 1)
	}
	const size = 3*32 + 2*8
	f.List = listDigest("members", packed)
	ok(tb, l.update(ctx, func(ctx context.Context, t *transaction) error {
		var list int64
		if err := t.row(ctx, "INSERT INTO member_lists (digest) VALUES (?) RETURNING id", f.List).Scan(&list); err != nil {
			return err
		}
		for i, m := range s.Members {
			ids := packed[i*size:]
			if err := t.exec(ctx, "INSERT INTO members (list, position, record, content, example, tokens, truncated) VALUES (?, ?, ?, ?, ?, ?, ?)",
				list, i, ids[:32], ids[32:64], ids[64:96], m.Tokens, m.Truncated); err != nil {
				return err
			}
		}
		return t.appendVersion(ctx, typeSet, 1, f)
	}))
}

// earlier is a set as builds before membership commitments recorded it.
func (s sample) earlier() Set {
	out := s.set("train")
	out.Digest = id("earlier")
	for i := range out.Members {
		m := &out.Members[i]
		m.Record, m.Content, m.Example, m.Near = id("earlier record %d", i), id("earlier content %d", i), id("earlier example %d", i), id("earlier near %d", i)
	}
	return out
}

func TestEarlierSet(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	s := small.earlier()
	recordEarlierSet(ctx, t, l, s)
	intact(t, l)
	got := must(l.Members(ctx, s.Digest))(t)
	if len(got) != len(s.Members) || got[1].Record != s.Members[1].Record || got[1].Tokens != 101 || got[1].Near != "" {
		t.Errorf("got %+v", got)
	}
	found := must(l.Search(ctx, []Sought{sought(s.Members[1], evidence.ContentIdentity), sought(s.Members[1], evidence.NearIdentity)}))(t)
	if len(found[0]) != 1 || found[0][0].Membership != 0 || !found[0][0].Truncated || found[0][0].Whole || len(found[1]) > 0 {
		t.Errorf("found %+v", found)
	}
	// Planned again, it is committed to.
	for range 2 {
		ok(t, l.RecordSet(ctx, s))
	}
	if n := count(t, l, "memberships"); n != 1 {
		t.Errorf("%d commitments", n)
	}
	if got := must(l.Members(ctx, s.Digest))(t); got[1].Near != s.Members[1].Near {
		t.Errorf("got %+v", got)
	}
	intact(t, l)
}
