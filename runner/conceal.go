package runner

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"

	"daybook/engine/dataset"
	"daybook/sweeps"
)

// conceal takes the names of records, and of what groups them, such as patients,
// out of what jobs, adapters and the ledger keep of the sweep's specs: runs have
// been planned from them, and a worker is told indexes. A list of names is replaced
// by its length and its HMAC-SHA-256 under the record key, so that runs with
// different lists still differ.
func (p *planner) conceal() error {
	for _, item := range p.plan.Items {
		d := &item.Job.Spec.Data
		var err error
		if d.Validation.Where, err = p.concealWhere(d.Validation.Where, d.GroupBy); err != nil {
			return err
		}
		if d.Test.Where, err = p.concealWhere(d.Test.Where, d.GroupBy); err != nil {
			return err
		}
		if d.Subset, err = p.concealSubset(d.Subset, d.GroupBy); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) concealSubset(s sweeps.Subset, groupBy string) (_ sweeps.Subset, err error) {
	if len(s.IDs) > 0 {
		s.Count = len(s.IDs)
		digest, err := p.keyedDigest(s.IDs)
		if err != nil {
			return s, err
		}
		s.IDs = []string{digest}
	}
	if s.Where, err = p.concealWhere(s.Where, groupBy); err != nil {
		return s, err
	}
	of := s.Of
	s.Of = nil
	for _, part := range of {
		if part, err = p.concealSubset(part, groupBy); err != nil {
			return s, err
		}
		s.Of = append(s.Of, part)
	}
	return s, nil
}

// concealWhere conceals what a rule asks of the fields that name records and groups.
func (p *planner) concealWhere(where map[string]any, groupBy string) (map[string]any, error) {
	where = maps.Clone(where)
	for _, field := range []string{dataset.NameField, groupBy} {
		names, ok := where[field]
		if !ok || field == "" {
			continue
		}
		digest, err := p.keyedDigest(names)
		if err != nil {
			return nil, err
		}
		where[field] = digest
	}
	return where, nil
}

// concealed begins what stands for names in a spec.
const concealed = "hmac-sha256:"

// keyedDigest returns "hmac-sha256:" and the digest of names, without digits where
// there is no key, as in a plan that is not run.
func (p *planner) keyedDigest(names any) (string, error) {
	data, err := json.Marshal(names)
	if err != nil {
		return "", fmt.Errorf("record names: %w", err)
	}
	return concealed + p.keyed(sha256.Sum256(data)), nil
}
