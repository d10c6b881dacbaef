package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/dataset"
	"daybook/engine/hub"
	"daybook/ledger"
	"daybook/sweeps"
)

// planner carries what several runs of a sweep share.
type planner struct {
	PlanOptions
	sweep     *sweeps.Sweep
	numerics  engine.Numerics
	plan      *Plan
	snapshots cache[hub.Snapshot]
	folders   map[string]string // of pinned models of the Hub
	bases     cache[*Base]
	data      cache[*dataset.Dataset]
	parts     cache[*dataset.Partition]
	examples  cache[[]engine.Example]
	questions cache[judgedSet]
	adapters  cache[*NamedAdapter]
	drawn     cache[*trainingSet]
	judgings  map[judgedBy]*judging
	planned   map[ledger.Digest]bool // baselines
	seenSets  map[string]bool
}

func newPlanner(sweep *sweeps.Sweep, o PlanOptions, numerics engine.Numerics) *planner {
	return &planner{
		PlanOptions: o, sweep: sweep, numerics: numerics, plan: &Plan{Root: o.Root, Sweep: sweep, key: o.Key},
		judgings: map[judgedBy]*judging{}, planned: map[ledger.Digest]bool{}, seenSets: map[string]bool{}, folders: map[string]string{},
	}
}

// judgedSet is a held-out set in the two forms a plan needs.
type judgedSet struct {
	judged    Judged
	questions []Question
}

// cache remembers results under a printed key.
type cache[T any] struct{ m map[string]T }

func (c *cache[T]) get(key string, compute func() (T, error)) (T, error) {
	if v, ok := c.m[key]; ok {
		return v, nil
	}
	v, err := compute()
	if err != nil {
		return v, err
	}
	if c.m == nil {
		c.m = map[string]T{}
	}
	c.m[key] = v
	return v, nil
}

// run resolves one run of the sweep, and the baselines it is compared with.
func (p *planner) run(ctx context.Context, position int, r sweeps.Run) (*Item, error) {
	spec := r.Spec
	base, ds, err := p.inputs(spec)
	if err != nil {
		return nil, err
	}
	initial, err := p.givenAdapters(ctx, base, &spec)
	if err != nil {
		return nil, err
	}
	set, err := p.trainingSet(ctx, base, ds, spec)
	if err != nil {
		return nil, err
	}
	judging, err := p.judging(base, ds, set.part, spec)
	if err != nil {
		return nil, err
	}
	item := &Item{
		Position: position, Examples: len(set.examples), Tokens: set.tokens, Truncated: set.truncated, evaluation: judging.evaluation,
		examples: set.examples, sets: maps.Clone(judging.sets), held: judging.held, base: base, data: ds, license: base.License(),
	}
	for _, c := range r.Axes {
		item.Axes = append(item.Axes, ledger.Choice{Axis: c.Axis, Label: c.Label})
	}
	j := &item.Job
	*j = p.training(r.Label(), spec, base, ds, set.records, set.digest)
	j.Initial, j.Judged = initial, slices.Clone(judging.judged)
	item.sets["train"] = set.digest
	if err := p.addSet(base, ds, spec, "train", set.digest, set.examples); err != nil {
		return nil, err
	}
	if j.Key, err = trainKey(spec, j.Inputs, item.sets["validation"], judging.selecting); err != nil {
		return nil, err
	}
	if judging.against == "" {
		if judging.against, err = p.addBaselines(ctx, item, base, ds, set.part); err != nil {
			return nil, err
		}
	}
	item.against = judging.against
	if position == 0 {
		part := set.part
		p.plan.Data = ledger.Data{
			Source: p.Root.files(ds), Sources: p.Root.sources(ds), Digest: j.Inputs.Dataset, Records: len(ds.Records), Pool: len(part.Train),
			Validation: len(part.Validation), Test: len(part.Test), Withheld: len(part.Withheld), Duplicates: part.Duplicates, Leaked: part.Leaked, GroupBy: spec.Data.GroupBy, Groups: part.Groups,
		}
	}
	return item, nil
}

// inputs reads the base and the data of a spec, and refuses what the base can't do.
func (p *planner) inputs(spec sweeps.Spec) (*Base, *dataset.Dataset, error) {
	base, err := p.base(spec.Base)
	if err != nil {
		return nil, nil, err
	}
	if err := possible(base, spec.Base); err != nil {
		return nil, nil, err
	}
	ds, err := p.dataset(spec.Data)
	return base, ds, err
}

// draw splits the data and selects, by the rules of a spec, what is trained on.
func (p *planner) draw(ds *dataset.Dataset, d sweeps.Data) (*dataset.Partition, []int, error) {
	part, err := p.partition(ds, d)
	if err != nil {
		return nil, nil, err
	}
	records, err := dataset.Select(ds, part.Train, selector(d.Subset))
	if err != nil {
		return nil, nil, fmt.Errorf("data.%w", err) // its place begins with "subset"
	}
	return part, records, nil
}

// training returns the job that trains spec on records, the set of whose examples has
// the digest. It has no key yet and is judged on nothing.
func (p *planner) training(name string, spec sweeps.Spec, base *Base, ds *dataset.Dataset, records []int, set ledger.Digest) Job {
	j := Job{
		Kind: ledger.Train, Name: name, Spec: spec, Device: p.Device,
		Base: p.reach(spec.Base.Model), Template: p.template(spec.Base),
		Dataset: p.Root.Reach(ds.Path), Files: p.jobFiles(ds, spec.Data.Source), Train: records, Inputs: InputsOf(base, ds, p.numerics),
	}
	j.Inputs.Train = set
	return j
}

func (p *planner) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(p.sweep.Dir, filepath.FromSlash(path))
}

func (p *planner) template(b sweeps.Base) string {
	if b.ChatTemplate == "" {
		return ""
	}
	return p.Root.Reach(p.resolve(b.ChatTemplate))
}

func (p *planner) base(b sweeps.Base) (*Base, error) {
	return p.bases.get(b.Model+"\x00"+b.ChatTemplate, func() (*Base, error) {
		template := b.ChatTemplate
		if template != "" {
			template = p.resolve(template)
		}
		base, err := OpenBase(p.folder(b.Model), template, p.Root.Cache())
		if err != nil {
			return nil, WithHint(fmt.Errorf("base.model: %w", err), baseAdvice(err))
		}
		return base, nil
	})
}

// possible returns an error if the base can't be had as spec says.
func possible(base *Base, b sweeps.Base) error {
	if err := base.Holds(checkpoint.Quantization{Kind: b.Quantization, DoubleQuant: b.DoubleQuant}); err != nil {
		return fmt.Errorf("base.quantization: %w", err)
	}
	return nil
}

func (p *planner) dataset(d sweeps.Data) (*dataset.Dataset, error) {
	return p.data.get(d.Source.String(), func() (*dataset.Dataset, error) {
		ds, err := dataset.OpenAll(p.sources(d.Source))
		if err != nil {
			err = fmt.Errorf("data.source: %w", err)
			if HintOf(err) == "" {
				err = WithHint(err, "a data file is JSON Lines, a JSON array, CSV or Parquet")
			}
			return nil, err
		}
		ids := make([][32]byte, len(ds.Records))
		for i := range ds.Records {
			ids[i] = ds.Records[i].ID
		}
		p.plan.datasets = append(p.plan.datasets, ledger.Dataset{
			Digest: hexDigest(ds.Digest), Path: p.Root.files(ds), Bytes: ds.Bytes, Records: len(ds.Records), Root: hexDigest(dataset.Root(ids)),
		})
		return ds, nil
	})
}

func (p *planner) partition(ds *dataset.Dataset, d sweeps.Data) (*dataset.Partition, error) {
	d.Subset = sweeps.Subset{}
	key, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return p.parts.get(string(key), func() (*dataset.Partition, error) {
		part, err := dataset.Split(ds, dataset.SplitConfig{GroupBy: d.GroupBy, Validation: rule(d.Validation), Test: rule(d.Test), HuggingFace: d.Split == "huggingface"})
		if err != nil {
			return nil, fmt.Errorf("data.%w", err) // its place is "group_by", "validation" or "test"
		}
		return part, nil
	})
}

// encode tokenizes the records of one run. All records of the dataset share a
// cache, since subsets overlap.
func (p *planner) encode(ctx context.Context, base *Base, ds *dataset.Dataset, records []int, spec sweeps.Spec) ([]engine.Example, error) {
	out := make([]engine.Example, 0, len(records))
	how := fmt.Sprint(spec.Base.Model, "\x00", spec.Base.ChatTemplate, "\x00", ds.Digest, "\x00", spec.Data.Source, "\x00", spec.Train.LossOn, spec.Train.MaxSeqLen, spec.Train.Overlong, "\x00")
	for _, i := range records {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one, err := p.examples.get(how+strconv.Itoa(i), func() ([]engine.Example, error) { return TrainingExamples(base, ds, []int{i}, spec.Train) })
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	return out, nil
}

func (p *planner) judged(base *Base, ds *dataset.Dataset, spec sweeps.Spec, split string, records []int) (judgedSet, error) {
	metrics, err := Metrics(spec.Eval)
	if err != nil {
		return judgedSet{}, err
	}
	for _, field := range spec.Eval.By {
		if err := ds.RequireField("eval.by", field); err != nil {
			return judgedSet{}, err
		}
	}
	key := fmt.Sprint(spec.Base.Model, "\x00", spec.Base.ChatTemplate, "\x00", ds.Digest, "\x00", spec.Data.Source, "\x00", split, records, spec.Eval.Metrics)
	return p.questions.get(key, func() (judgedSet, error) {
		questions, err := Questions(base, ds, records, nil)
		if err != nil {
			return judgedSet{}, fmt.Errorf("data.%s: %w", split, err)
		}
		for _, q := range questions {
			if m := slices.IndexFunc(spec.Eval.Metrics, sweeps.Metric.Generates); m >= 0 && q.Prompt == nil {
				return judgedSet{}, WithHint(fmt.Errorf("%s: record %s is plain text, which asks nothing; eval.metrics[%d] judges answers", ds.Records[q.Record].Place(), ds.Records[q.Record].Name(), m),
					"judge plain text by its loss, or hold out records with a prompt")
			}
			for _, m := range metrics {
				if err := m.Check(q.Reference); err != nil {
					return judgedSet{}, WithHint(fmt.Errorf("%s: record %s: %w", ds.Records[q.Record].Place(), ds.Records[q.Record].Name(), err),
						"leave it out with a where rule on data."+split+", or drop the metric")
				}
			}
		}
		set := judgedSet{judged: Judged{Split: split, Set: QuestionSet(questions), Records: records}, questions: questions}
		for _, q := range questions {
			set.judged.IDs = append(set.judged.IDs, p.keyed(ds.Records[q.Record].ID))
		}
		return set, nil
	})
}

// keyed returns the form in which an ID may leave memory.
func (p *planner) keyed(id [32]byte) string {
	if p.Key == nil {
		return ""
	}
	return hexDigest(dataset.Keyed(p.Key, id))
}

func rule(s sweeps.Split) dataset.Rule {
	return dataset.Rule{Count: s.Count, Fraction: s.Fraction, Seed: s.Seed, Where: s.Where}
}

func selector(s sweeps.Subset) dataset.Selector {
	out := dataset.Selector{Op: s.Op, Count: s.Count, Fraction: s.Fraction, Seed: s.Seed, Where: s.Where, IDs: s.IDs}
	for _, of := range s.Of {
		out.Of = append(out.Of, selector(of))
	}
	return out
}
