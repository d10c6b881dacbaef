package runner

import (
	"context"

	"daybook/engine"
	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/sweeps"
)

// plannedSet is a set of records for the ledger, whose members are only looked at
// if the ledger lacks it.
type plannedSet struct {
	digest   ledger.Digest
	role     string
	encoding ledger.Digest
	data     *dataset.Dataset
	examples []engine.Example
}

// record puts the set into the ledger, with its members' IDs keyed.
func (s plannedSet) record(ctx context.Context, l *ledger.Ledger, key []byte) error {
	set := ledger.Set{Digest: s.digest, Dataset: hexDigest(s.data.Digest), Role: s.role, Encoding: s.encoding, RootKey: evidence.RootKey(key)}
	if known, err := l.Committed(ctx, set, len(s.examples)); err != nil || known {
		return err
	}
	keyer := evidence.Keyer(set.RootKey)
	keyed := func(id [32]byte) string { return hexDigest(keyer(id)) }
	for _, e := range s.examples {
		r := &s.data.Records[e.Record]
		turns, err := r.Turns()
		if err != nil {
			return err
		}
		set.Members = append(set.Members, ledger.Member{
			Position: e.Record, Record: keyed(r.ID), Content: keyed(r.ContentID), Example: keyed(e.ID), Near: keyed(dataset.NearID(turns)),
			Tokens: len(e.Tokens), Truncated: e.Truncated,
		})
	}
	return l.RecordSet(ctx, set)
}

// addSet notes a set of records for the ledger, once.
func (p *planner) addSet(base *Base, ds *dataset.Dataset, spec sweeps.Spec, role string, digest ledger.Digest, examples []engine.Example) error {
	if p.seenSets[role+digest] {
		return nil
	}
	p.seenSets[role+digest] = true
	encoding, err := encodingDigest(base, ds, spec.Train, role)
	p.plan.sets = append(p.plan.sets, plannedSet{digest: digest, role: role, encoding: encoding, data: ds, examples: examples})
	return err
}

// encodingDigest identifies what makes examples of a dataset's records: those that
// are trained on, or questions.
func encodingDigest(base *Base, ds *dataset.Dataset, t sweeps.Train, role string) (ledger.Digest, error) {
	var fields []dataset.Fields
	for i := range ds.Files {
		fields = append(fields, ds.Files[i].Fields())
	}
	in := base.Inputs()
	settings := map[string]any{"key": "encoding", "version": 1, "tokenizer": in.Tokenizer, "template": in.Template, "fields": fields}
	if role == "train" {
		settings["loss_on"], settings["max_seq_len"] = t.LossOn, t.MaxSeqLen
	}
	return digestOf(settings)
}
