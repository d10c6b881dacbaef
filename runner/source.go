package runner

import (
	"fmt"
	"slices"
	"strings"

	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/sweeps"
)

// DataFile is one of a job's files of records, where there is more to say of them
// than one path.
type DataFile struct {
	Path   string         `json:"path"`
	Fields dataset.Fields `json:"fields,omitzero"`
}

// sources are the data of a spec as the dataset package has them.
func (p *planner) sources(list sweeps.DataSources) []dataset.Source {
	out := make([]dataset.Source, len(list))
	for i, s := range list {
		out[i] = dataset.Source{Path: p.resolve(s.Path), Fields: dataset.Fields(s.Fields), Terms: map[string]dataset.Term{}}
		for name, term := range map[string]sweeps.Term{"license": s.License, "consent": s.Consent, "origin": s.Origin} {
			if term != (sweeps.Term{}) {
				out[i].Terms[name] = dataset.Term(term)
			}
		}
	}
	return out
}

// jobFiles lists what a worker reads, nil where it is one file with nothing to
// say of it.
func (p *planner) jobFiles(ds *dataset.Dataset, list sweeps.DataSources) []DataFile {
	if len(ds.Files) == 1 && list[0].Fields == (sweeps.Fields{}) {
		return nil
	}
	out := make([]DataFile, len(ds.Files))
	for i, f := range ds.Files {
		out[i] = DataFile{Path: p.Root.Reach(f.Path), Fields: f.Fields()}
	}
	return out
}

// OpenDataset opens the records of a job. The caller closes them.
func (j *Job) OpenDataset(root Root) (*dataset.Dataset, error) {
	sources := []dataset.Source{{Path: root.Abs(j.Dataset)}}
	if len(j.Files) > 0 {
		sources = nil
		for _, f := range j.Files {
			sources = append(sources, dataset.Source{Path: root.Abs(f.Path), Fields: f.Fields})
		}
	}
	return dataset.OpenAll(sources)
}

// files names a dataset's files for people, the first few if there are many.
func (r Root) files(ds *dataset.Dataset) string {
	const most = 3
	var names []string
	for _, f := range ds.Files {
		names = append(names, r.Rel(f.Path))
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// sources are a dataset's files with what was declared of them, nil where it is
// one of which nothing was.
func (r Root) sources(ds *dataset.Dataset) []ledger.DataSource {
	if !slices.ContainsFunc(ds.Files, func(f dataset.File) bool { return len(f.Terms) > 0 }) && len(ds.Files) == 1 {
		return nil
	}
	out := make([]ledger.DataSource, len(ds.Files))
	for i, f := range ds.Files {
		out[i] = ledger.DataSource{
			Path: r.Rel(f.Path), Digest: hexDigest(f.Digest), Bytes: f.Bytes, Records: f.Records,
			License: f.Terms["license"], Consent: f.Terms["consent"], Origin: f.Terms["origin"],
		}
	}
	return out
}
