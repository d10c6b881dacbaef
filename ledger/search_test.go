package ledger

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"daybook/ledger/evidence"
)

// sought looks for a member by the identities that are given, all if none is.
func sought(m Member, by ...evidence.Identity) Sought {
	s := Sought{Indexed: map[evidence.Identity][32]byte{}, Earlier: map[evidence.Identity][32]byte{}}
	for identity, text := range identities(m) {
		raw, err := hex.DecodeString(text)
		if err == nil && len(raw) == 32 && (len(by) == 0 || slices.Contains(by, identity)) {
			s.Indexed[identity], s.Earlier[identity] = [32]byte(raw), [32]byte(raw)
		}
	}
	return s
}

func identities(m Member) map[evidence.Identity]string {
	return map[evidence.Identity]string{
		evidence.RecordIdentity: m.Record, evidence.ContentIdentity: m.Content, evidence.ExampleIdentity: m.Example, evidence.NearIdentity: m.Near,
	}
}

// TestSearch compares what is found with what was recorded, in sets that share
// records of a dataset in any way.
func TestSearch(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		positions := rapid.SliceOfNDistinct(rapid.Uint32Max(200_000), 1, 30, rapid.ID[uint32]).Draw(t, "positions")
		member := func(position uint32) Member {
			// A few contents for many records, so that some are shared.
			return Member{
				Position: int(position), Record: id("%d record %d", round, position), Content: id("%d content %d", round, position%5),
				Example: id("%d example %d", round, position%7), Near: id("%d near %d", round, position%3), Truncated: int(position % 2),
			}
		}
		var sets []Set
		for i := range rapid.IntRange(1, 4).Draw(t, "sets") {
			s := Set{Digest: id("%d set %d", round, i), Dataset: id("%d dataset", round), Role: "train", RootKey: rootKey}
			for _, position := range positions {
				if rapid.Bool().Draw(t, "in") {
					s.Members = append(s.Members, member(position))
				}
			}
			if err := l.RecordSet(ctx, s); err != nil {
				t.Fatal(err)
			}
			sets = append(sets, s)
		}
		asked := member(rapid.SampledFrom(append(positions, 77)).Draw(t, "asked"))
		by := rapid.SampledFrom(evidence.Identities()).Draw(t, "by")
		got, err := l.Search(ctx, []Sought{sought(asked, by), {}})
		if err != nil || len(got) != 2 || len(got[1]) > 0 {
			t.Fatalf("got %+v, %v", got, err)
		}
		var want, is []string
		for _, s := range sets {
			whole, cut := false, false
			for _, m := range s.Members {
				if identities(m)[by] == identities(asked)[by] {
					whole, cut = whole || m.Truncated == 0, cut || m.Truncated > 0
				}
			}
			if whole || cut {
				want = append(want, fmt.Sprint(s.Digest, by, whole, cut))
			}
		}
		for _, s := range got[0] {
			is = append(is, fmt.Sprint(s.Digest, s.By[0], s.Whole, s.Truncated))
		}
		if diff := cmp.Diff(want, is); diff != "" {
			t.Fatal(diff)
		}
		for _, s := range sets {
			members, err := l.Members(ctx, s.Digest)
			if err != nil || !slices.EqualFunc(members, s.Members, func(a, b Member) bool { return a == b }) {
				t.Fatalf("members are others, or in another order: %v", err)
			}
		}
	})
	intact(t, l)
}
