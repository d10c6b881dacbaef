package ledger

import (
	"context"
	"encoding/json"
	"fmt"
)

// projection brings the query tables up to date with an entry of one type, in two
// halves: it reads the body, for which nothing else is needed, and returns what
// applies it to the tables, entry by entry. What that writes follows from the entry
// and from earlier ones alone, never from the clock, the index or the caller, so
// that the tables can be made again from the history.
type projection func(e entry) (application, error)

type application func(ctx context.Context, t *transaction) error

// projectionOf makes a projection of its halves.
func projectionOf[T any](read func(entry) (T, error), apply func(context.Context, *transaction, entry, T) error) projection {
	return func(e entry) (application, error) {
		body, err := read(e)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, t *transaction) error { return apply(ctx, t, e, body) }, nil
	}
}

// readEntry is an entry whose body was read, or couldn't be.
type readEntry struct {
	entry
	apply application
	err   error
}

// read does the first half of an entry's projection.
func (e entry) read() readEntry {
	project, ok := projections[e.Type]
	if !ok || e.Version > versions[e.Type] {
		return readEntry{entry: e, err: fmt.Errorf("entry %d: type %s version %d is not one of this build's", e.Seq, e.Type, e.Version)}
	}
	apply, err := project(e)
	if err != nil {
		err = fmt.Errorf("%s: %w", e.Type, err)
	}
	return readEntry{e, apply, err}
}

// project does the second half.
func (t *transaction) project(ctx context.Context, e readEntry) error {
	if e.err != nil {
		return e.err
	}
	if err := e.apply(ctx, t); err != nil {
		return fmt.Errorf("%s: %w", e.Type, err)
	}
	return nil
}

// versions holds, for each type of entry, the version of its body's schema that
// this build writes. It reads that one and those before it.
var versions = map[string]int{
	typeOrigin: 1, typeKey: 1, typeAnchor: 1,
	typeSweep: 1, typeDataset: 1, typeSet: 2, typeMembership: 1, typeForgotten: 1, typeAttempt: 2, typeRescored: 1, typeAdapter: 2, typeAlias: 1, typeReproduced: 1, typeBase: 1, typeSignOff: 1,
	typeMerged: 1, typeSteps: 2, "started": 1, "checkpoint": 1, "evaluated": 1, "epoch": 1, "finished": 1, "failed": 1, "interrupted": 1,
}

// projections holds, for each type of entry, what it does to the query tables.
var projections = map[string]projection{
	typeOrigin:     projectionOf(decodeBody, projectOrigin),
	typeKey:        projectionOf(decodeBody, projectKey),
	typeAnchor:     projectionOf(decodeBody, projectAnchor),
	typeSweep:      projectionOf(decodeBody, projectSweep),
	typeDataset:    projectionOf(decodeBody, projectDataset),
	typeSet:        projectionOf(decodeBody, projectSet),
	typeMembership: projectionOf(decodeBody, projectMembership),
	typeForgotten:  projectionOf(decodeBody, projectForgotten),
	typeAttempt:    projectionOf(decodeBody, projectAttempt),
	typeRescored:   projectionOf(readRescored, projectRescored),
	typeAdapter:    projectionOf(decodeBody, projectAdapter),
	typeAlias:      projectionOf(decodeBody, projectAlias),
	typeReproduced: projectionOf(decodeBody, projectReproduced),
	typeBase:       projectionOf(decodeBody, projectBase),
	typeSignOff:    projectionOf(decodeBody, projectSignOff),
	typeMerged:     projectionOf(decodeBody, projectMerged),
	typeSteps:      projectionOf(readSteps, projectEvents),
	"started":      projectionOf(readEvents, projectEvents),
	"checkpoint":   projectionOf(readEvents, projectEvents),
	"evaluated":    projectionOf(readEvents, projectEvents),
	"epoch":        projectionOf(readEvents, projectEvents),
	"finished":     projectionOf(readEvents, projectEvents),
	"failed":       projectionOf(readEvents, projectEvents),
	"interrupted":  projectionOf(readEvents, projectEvents),
}

// decodeBody reads an entry's body back.
func decodeBody[T any](e entry) (T, error) {
	var body T
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return body, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	return body, nil
}
