package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"daybook/engine/chat"
	"daybook/engine/dataset"
	"daybook/engine/hub"
	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/sweeps"
)

// AddExamples adds to records the examples that the runs of the ledger would have made
// of them: their tokens and what of these is learnt, cut to the run's length. So a
// record is found whose text differs in nothing that the model saw. It takes the
// tokenizer and the chat template of each run, as they were; the notes say of which
// runs these are not at hand.
func AddExamples(ctx context.Context, root Root, models Hub, l *ledger.Ledger, subjects []Subject) (notes []string, err error) {
	if !slices.ContainsFunc(subjects, func(s Subject) bool { return s.text != nil }) {
		return nil, nil
	}
	m := &exampleMaker{root: root, hub: models, ledger: l, dirs: map[int64]string{}}
	makings, notes, err := m.all(ctx)
	if err != nil {
		return nil, err
	}
	for i := range subjects {
		for _, m := range makings {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			subjects[i].add(m)
		}
	}
	return notes, nil
}

// making is a way in which runs make examples of records.
type making struct {
	encoder *chat.Encoder
	fields  []dataset.Fields
	lossOn  chat.LossOn
	most    int // tokens
}

// add adds the example that is made in one way, where the record can be read so.
func (s *Subject) add(m *making) {
	if s.text == nil {
		return
	}
	for _, f := range m.fields {
		r, ok, err := dataset.Identify(s.text, f)
		if err != nil || !ok {
			continue
		}
		turns, err := r.Turns()
		if err != nil {
			continue
		}
		e, err := m.encoder.Example(turns, m.lossOn, m.most)
		if err != nil {
			continue // the template refuses it, so that no run was trained on it
		}
		at := slices.IndexFunc(s.Readings, func(reading map[evidence.Identity][32]byte) bool {
			return reading[evidence.ContentIdentity] == r.ContentID
		})
		if at < 0 {
			continue // it has no turns in these keys
		}
		known, has := s.Readings[at][evidence.ExampleIdentity]
		switch {
		case !has:
			s.Readings[at][evidence.ExampleIdentity] = e.ID
		case known != e.ID:
			other := maps.Clone(s.Readings[at])
			other[evidence.ExampleIdentity] = e.ID
			if !slices.ContainsFunc(s.Readings, func(reading map[evidence.Identity][32]byte) bool { return maps.Equal(reading, other) }) {
				s.Readings = append(s.Readings, other)
			}
		}
	}
}

// exampleMaker finds the ways in which the runs of a ledger make examples.
type exampleMaker struct {
	root   Root
	hub    Hub
	ledger *ledger.Ledger
	dirs   map[int64]string // of sweeps, relative to the root
}

// all returns each once, and of what runs they can't be had.
func (m *exampleMaker) all(ctx context.Context) (out []*making, notes []string, err error) {
	runs, err := m.ledger.Runs(ctx, ledger.RunFilter{Kind: ledger.Train})
	if err != nil {
		return nil, nil, err
	}
	known, missing := map[string]bool{}, map[string]int{}
	for _, r := range runs {
		var spec sweeps.Spec
		if err := json.Unmarshal(r.Spec, &spec); err != nil {
			return nil, nil, fmt.Errorf("run %.12s: spec: %w", r.Key, err)
		}
		dir, err := m.dir(ctx, r.SweepID)
		if err != nil {
			return nil, nil, err
		}
		way := fmt.Sprintf("%q %s %q %q %q %d %v", dir, r.Base, spec.Base.Model, spec.Base.ChatTemplate, spec.Train.LossOn, spec.Train.MaxSeqLen, spec.Data.Source)
		if known[way] {
			continue
		}
		known[way] = true
		made, err := m.making(ctx, r, spec, dir)
		if err != nil {
			missing[err.Error()]++
			continue
		}
		out = append(out, made)
	}
	for _, why := range slices.Sorted(maps.Keys(missing)) {
		notes = append(notes, "examples, which are a record's tokens as a run trained on them, were not looked for of some runs: "+why)
	}
	return out, notes, nil
}

// dir returns the folder of a sweep's file, relative to the root.
func (m *exampleMaker) dir(ctx context.Context, sweep int64) (string, error) {
	if dir, ok := m.dirs[sweep]; ok {
		return dir, nil
	}
	found, err := m.ledger.Sweeps(ctx, ledger.SweepFilter{ID: sweep})
	if err != nil {
		return "", err
	}
	if len(found) > 0 && !strings.HasPrefix(found[0].Path, outside) {
		m.dirs[sweep] = filepath.FromSlash(path.Dir(found[0].Path))
	}
	return m.dirs[sweep], nil
}

// making opens what a run made examples with. Its errors say what is not at hand.
func (m *exampleMaker) making(ctx context.Context, r ledger.Run, spec sweeps.Spec, dir string) (_ *making, err error) {
	at := places{root: m.root.Dir, sweep: dir}
	model, template := spec.Base.Model, spec.Base.ChatTemplate
	if hub.IsName(model) {
		model, err = m.root.FindBase(ctx, m.hub, model)
	} else {
		model, _, err = at.find("base", model, "--base")
	}
	if err == nil && template != "" {
		template, _, err = at.find("chat template", template, "--base")
	}
	if err != nil {
		return nil, err
	}
	tok, err := loadTokenizer(model)
	if err != nil {
		return nil, err
	}
	text, err := chat.Load(model, template)
	if err != nil {
		return nil, err
	}
	read, err := m.ledger.Bases(ctx, r.Base, spec.Base.Model, spec.Base.ChatTemplate)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(read, func(b ledger.Base) bool {
		return b.Tokenizer == hexDigest(tok.Digest()) && b.Template == hexDigest(text.Digest())
	}) {
		return nil, fmt.Errorf("tokenizer or chat template of %s are not what they were", spec.Base.Model)
	}
	out := &making{most: spec.Train.MaxSeqLen}
	var ok bool
	if out.lossOn, ok = chat.ParseLossOn(spec.Train.LossOn); !ok {
		return nil, fmt.Errorf("train.loss_on: %q", spec.Train.LossOn)
	}
	for _, s := range spec.Data.Source {
		if f := dataset.Fields(s.Fields); !slices.Contains(out.fields, f) {
			out.fields = append(out.fields, f)
		}
	}
	out.encoder, err = chat.New(tok, text)
	return out, err
}
