package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"daybook/ledger/evidence"
)

const typeMembership = "membership"

// inForce selects, of memberships called m, those that no later one replaces.
const inForce = "NOT EXISTS (SELECT 1 FROM memberships later WHERE later.replaces = m.entry)"

// commitment is what an entry says of a set's members, and what the index keeps.
type commitment struct {
	fact  evidence.Membership
	rows  []memberRow
	order []uint32 // positions in the set's order, with holes
	key   [32]byte
}

// hole is in a set's order where a member was forgotten.
const hole = mostPositions

// newCommitment commits to members, which are in order, under a new random key.
func newCommitment(s Set, rows []memberRow, order []uint32) (*commitment, error) {
	c := &commitment{rows: rows, order: order}
	if _, err := rand.Read(c.key[:]); err != nil {
		return nil, fmt.Errorf("set %.12s: %w", s.Digest, err)
	}
	c.fact = evidence.Membership{
		Set: s.Digest, Dataset: s.Dataset, Role: s.Role, Records: len(rows), Encoding: s.Encoding,
		Keys: evidence.MembershipKeys{Root: s.RootKey, Set: c.key}.Commitment(), Order: orderDigest(order, c.key), Trees: heads(rows, c.key),
	}
	return c, nil
}

// heads returns what an entry says of the trees over members.
func heads(rows []memberRow, key [32]byte) map[evidence.Identity]evidence.TreeHead {
	out := map[evidence.Identity]evidence.TreeHead{}
	for kind, tree := range trees(rows, key) {
		out[evidence.Identities()[kind]] = headOf(tree)
	}
	return out
}

func headOf(t *evidence.PrefixTree) evidence.TreeHead {
	root := t.Root()
	return evidence.TreeHead{Root: hex.EncodeToString(root[:]), Size: t.Size()}
}

// trees returns the prefix trees over members, one for each kind of identity.
func trees(rows []memberRow, key [32]byte) []*evidence.PrefixTree {
	out := make([]*evidence.PrefixTree, len(evidence.Identities()))
	var wait sync.WaitGroup
	for kind := range out {
		wait.Go(func() {
			place := evidence.Keyer(key)
			leaves := make([]evidence.Leaf, len(rows))
			for i := range rows {
				leaves[i] = evidence.Leaf{ID: place(rows[i].ids[kind]), Value: rows[i].value()}
			}
			out[kind] = evidence.NewPrefixTree(leaves)
		})
	}
	wait.Wait()
	return out
}

// orderDigest is HMAC-SHA-256 of a set's order under the commitment's key: a plain
// digest would tell where there is a hole to who can try all places.
func orderDigest(order []uint32, key [32]byte) Digest {
	mac := hmac.New(sha256.New, key[:])
	_, _ = mac.Write(packOrder(order)) // a hash doesn't fail
	return hex.EncodeToString(mac.Sum(nil))
}

func packOrder(order []uint32) []byte {
	packed := make([]byte, 0, 4*len(order))
	for _, position := range order {
		packed = binary.BigEndian.AppendUint32(packed, position)
	}
	return packed
}

// commit adds a commitment to the history, in place of an earlier one unless that
// is 0, and its members to the index.
func (t *transaction) commit(ctx context.Context, c *commitment, replaces int64) error {
	c.fact.Replaces = replaces
	if err := t.append(ctx, typeMembership, c.fact); err != nil {
		return err
	}
	pool, err := t.poolOf(ctx, c.fact.Dataset, c.fact.Encoding)
	if err != nil {
		return err
	}
	if err := t.addMembers(ctx, pool, c.rows); err != nil {
		return err
	}
	if replaces != 0 {
		if err := t.dropCommitment(ctx, replaces); err != nil {
			return err
		}
	}
	return t.keepCommitment(ctx, c, t.last, pool)
}

// keepCommitment adds to the index which members an entry commits to.
func (t *transaction) keepCommitment(ctx context.Context, c *commitment, entry, pool int64) error {
	var ordering any
	if !slices.IsSorted(c.order) || slices.Contains(c.order, hole) {
		ordering = packOrder(c.order)
	}
	if err := t.exec(ctx, "INSERT INTO set_members (entry, pool, key, ordering) VALUES (?, ?, ?, ?)", entry, pool, c.key[:], ordering); err != nil {
		return err
	}
	chunks := map[uint32]*roaring.Bitmap{}
	for _, r := range c.rows {
		chunk := r.position >> chunkBits
		if chunks[chunk] == nil {
			chunks[chunk] = roaring.New()
		}
		chunks[chunk].Add(r.position & (1<<chunkBits - 1))
	}
	for chunk, positions := range chunks {
		packed, err := packBitmap(positions)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, "INSERT INTO set_positions (chunk, entry, positions) VALUES (?, ?, ?)", chunk, entry, packed); err != nil {
			return err
		}
	}
	return nil
}

// dropCommitment removes from the index what an entry commits to, and its key.
func (t *transaction) dropCommitment(ctx context.Context, entry int64) error {
	if err := t.exec(ctx, "DELETE FROM set_positions WHERE entry = ?", entry); err != nil {
		return err
	}
	return t.exec(ctx, "DELETE FROM set_members WHERE entry = ?", entry)
}

func projectMembership(ctx context.Context, t *transaction, e entry, m evidence.Membership) error {
	trees, err := json.Marshal(m.Trees) // with sorted keys
	if err != nil {
		return err
	}
	return t.exec(ctx, `INSERT INTO memberships (entry, set_digest, dataset, role, records, encoding, key_digest, order_digest, trees, replaces)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, m.Set, m.Dataset, m.Role, m.Records, m.Encoding, m.Keys, m.Order, string(trees), m.Replaces)
}
