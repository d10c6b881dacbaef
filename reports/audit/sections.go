package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"daybook/ledger"
)

// Who claims things.
const (
	bySweep  = "the sweep's author"
	byCard   = "the base's own card"
	byFolder = "the record in the base's folder"
	byName   = "the name that the sweep uses"
	byClock  = "the machine's clock"
	byGit    = "the repository's configuration"
	byPerson = "whoever ran the command"
)

func (b *builder) adapter() {
	a := b.Trace.Adapter
	b.begin("adapter", "The adapter")
	b.digested(a.Entry, "digest", "identity", "weights and adapter_config.json", a.Fact.Digest)
	b.recorded(a.Entry, "name", "published as", a.Fact.Name())
	b.recorded(b.Trace.Sweep.Entry, "run", "run", "train key "+a.Fact.Run)
	b.recorded(a.Entry, "epoch", "epoch", fmt.Sprintf("%d of %d", a.Fact.Epoch, len(b.Trace.Epochs)))
	b.claimed(a.Entry, byClock, "time", "published at", moment(a.Fact.Time))
	for _, name := range slices.Sorted(maps.Keys(a.Fact.Files)) {
		b.digested(a.Entry, "file:"+name, name, "", a.Fact.Files[name])
	}
	if len(b.Aliases) > 0 {
		b.said("aliases", "called now", strings.Join(b.Aliases, ", "))
	}
}

func (b *builder) data() {
	b.begin("data", "The data")
	files, split, entry := b.Trace.Files(), b.Trace.Sweep.Fact.Data, b.Trace.Sweep.Entry
	for i, f := range files {
		key := fmt.Sprintf("file%d.", i+1)
		b.digested(entry, key+"digest", f.Path, fmt.Sprintf("%s, %d bytes", records(f.Records), f.Bytes), f.Digest)
		b.claimed(entry, bySweep, key+"license", "  licence", stated(f.License, "no licence"))
		b.claimed(entry, bySweep, key+"consent", "  consent", stated(f.Consent, "no basis of consent"))
		b.claimed(entry, bySweep, key+"origin", "  origin", stated(f.Origin, "no origin"))
	}
	for _, d := range b.Trace.Datasets {
		b.recorded(d.Entry, "root", "root over record IDs", d.Fact.Root)
	}
	if !b.Trace.Declared() {
		b.add(Statement{Key: "split", Name: "split"})
		return
	}
	b.recorded(entry, "split", "split", fmt.Sprintf("%s: %d for training, %d for validation, %d for test, %d withheld", records(split.Records), split.Pool, split.Validation, split.Test, split.Withheld))
	b.recorded(entry, "split.rules", "  rules", fmt.Sprintf("validation %s, test %s%s", cmp.Or(compact(b.spec.Data.Validation), "none"), cmp.Or(compact(b.spec.Data.Test), "none"), inOrder(b.spec.Data.Split)))
	together := "records of equal content"
	if split.GroupBy != "" {
		together += fmt.Sprintf(", and of equal %q: %d groups", split.GroupBy, split.Groups)
	}
	b.recorded(entry, "split.together", "  kept on one side", together)
	b.recorded(entry, "withheld", "dropped: withheld", records(split.Withheld)+", bound by content or group to a held-out record")
	b.recorded(entry, "duplicates", "duplicates", records(split.Duplicates)+" whose content an earlier one has")
	b.recorded(entry, "leaked", "held out, but in training", records(split.Leaked)+" by content")
}

// stated is what was declared, "" if nothing was.
func stated(counts map[string]int, none string) string {
	if _, silent := counts[""]; len(counts) == 0 || silent && len(counts) == 1 {
		return ""
	}
	return counted(counts, none)
}

func inOrder(split string) string {
	if split == "" {
		return ""
	}
	return ", drawn as by " + split
}

// use tells what records were used for.
func (b *builder) use() {
	b.begin("use", "What the data was used for")
	b.recorded(b.Trace.Sweep.Entry, "subset", "subset rule", b.spec.Data.Subset.String())
	purposes := map[string]string{"train": "trained on", "validation": "selection only", "test": "judged on only"}
	notes := map[string]string{"validation": "; chose the epoch, and which run is best", "test": "; decided nothing"}
	for _, s := range b.Trace.Sets {
		f := s.Fact
		b.recorded(s.Entry, f.Role, purposes[f.Role], fmt.Sprintf("%s, root over example IDs %s%s", records(f.Records), f.Digest, notes[f.Role]))
		if f.Role != "train" {
			continue
		}
		b.recorded(s.Entry, "tokens", "  tokens", fmt.Sprintf("%d an epoch", f.Tokens))
		b.recorded(s.Entry, "truncated", "  truncated", records(f.Truncated)+" cut at max_seq_len")
		if b.Trace.Declared() {
			b.recorded(s.Entry, "excluded", "  excluded by the rule", records(max(0, b.Trace.Sweep.Fact.Data.Pool-f.Records)))
		}
	}
}

func (b *builder) base() {
	b.begin("base", "The base")
	entry := b.Trace.Sweep.Entry
	b.claimed(entry, byName, "model", "model", b.spec.Base.Model)
	b.digested(entry, "digest", "weights", "", b.Trace.Run.Base)
	quantization := b.spec.Base.Quantization
	if b.spec.Base.DoubleQuant {
		quantization += " with double quantization"
	}
	b.recorded(entry, "quantization", "held as", quantization)
	if b.Trace.Base == nil {
		b.add(Statement{Key: "license", Name: "licence"})
		return
	}
	f := b.Trace.Base.Fact
	b.claimed(b.Trace.Base.Entry, byCard, "license", "licence", f.License)
	b.recorded(b.Trace.Base.Entry, "tokenizer", "tokenizer", "SHA-256 "+f.Tokenizer)
	if f.Template != "" {
		b.recorded(b.Trace.Base.Entry, "template", "chat template", "SHA-256 "+f.Template)
	}
	if m := f.Merged; m.Adapter != "" {
		b.claimed(b.Trace.Base.Entry, byFolder, "merged", "made by merging", fmt.Sprintf("adapter %s, SHA-256 %s, into the %s weights of a base, SHA-256 %s", m.Name, m.Adapter, m.Into, m.Base))
	}
	if f.Repository != "" {
		b.claimed(b.Trace.Base.Entry, "the Hub", "repository", "repository", f.Repository+" at "+f.Revision)
	}
}

func (b *builder) settings() {
	b.begin("settings", "The settings")
	s := b.Trace.Sweep
	b.digested(s.Entry, "sweep", "sweep", fmt.Sprintf("%s from %s", s.Fact.Name, s.Fact.Path), s.Fact.Digest)
	for i, source := range s.Fact.Sources {
		b.digested(s.Entry, fmt.Sprintf("source%d", i+1), "  "+source.Path, "", source.Digest)
	}
	b.recorded(s.Entry, "axes", "choices", cmp.Or(ledger.Label(b.Trace.Run.Axes), "none: a single run"))
	if ref, digest := b.Trace.Initial(); digest != "" {
		b.digested(s.Entry, "init", "goes on from", "adapter "+ref, digest)
	}
	b.recorded(s.Entry, "train", "training", listed(b.spec.Train))
	b.recorded(s.Entry, "seed", "seed", b.spec.Seed.String())
	b.recorded(s.Entry, "select", "epoch chosen by", b.spec.Eval.Select+" on validation")
	b.recorded(s.Entry, "numerics", "numerics class", b.Trace.Run.Numerics)
}

// attempt begins names and keys of statements about one of several attempts.
func (b *builder) attempt(a ledger.TracedAttempt) (prefix, key string) {
	if len(b.Trace.Attempts) == 1 {
		return "", ""
	}
	return fmt.Sprintf("attempt %d: ", a.Number), fmt.Sprintf("attempt%d.", a.Number)
}

func (b *builder) machine() {
	b.begin("machine", "The machine")
	for _, a := range b.Trace.Attempts {
		prefix, key := b.attempt(a.Fact)
		f := a.Fact
		b.recorded(a.Entry, key+"steps", prefix+"steps", fmt.Sprintf("%d to %d, %s", f.FromStep+1, f.ToStep, f.Outcome))
		b.recorded(a.Entry, key+"engine", prefix+"engine build", pairs(f.Engine))
		b.recorded(a.Entry, key+"device", prefix+"device, driver, libraries", pairs(f.Device))
		b.recorded(a.Entry, key+"environment", prefix+"environment", pairs(f.Environment))
		if !f.Started.IsZero() {
			b.claimed(a.Entry, byClock, key+"time", prefix+"from, to", moment(f.Started)+", "+moment(f.Ended))
		}
	}
	if b.Trace.Others > 0 {
		b.said("others", "other attempts", fmt.Sprintf("%d, of which nothing is in this adapter", b.Trace.Others))
	}
}

// pairs writes names and values in order.
func pairs(m map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] != "" {
			out = append(out, name+" "+m[name])
		}
	}
	return strings.Join(out, ", ")
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.UTC().Format(time.RFC3339)
}
