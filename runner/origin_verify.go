package runner

import (
	"context"
	"fmt"

	"daybook/ledger"
	"daybook/ledger/store"
)

// OriginVerified is what verifying a merged ledger found.
type OriginVerified struct {
	ledger.Origin
	Log   *ledger.Verification `json:"log"` // nil if its copy can't be opened
	Files *FilesVerified       `json:"files"`
	// Problems are what is wrong with the log, with its files, or with its being here.
	Problems []ledger.Problem `json:"problems"`
}

// VerifyOrigins checks each ledger that was merged into a root: all of its log, that
// this goes on from each of its heads that l has an entry of, and its files.
func VerifyOrigins(ctx context.Context, root Root, l *ledger.Ledger) (found []OriginVerified, err error) {
	all, missing, err := OpenOrigins(ctx, root, l)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := all.Close(); err == nil {
			err = closed
		}
	}()
	for _, m := range missing {
		found = append(found, OriginVerified{Problems: []ledger.Problem{{Where: "merged ledgers", What: m.Error()}}})
	}
	for _, o := range all {
		v, err := o.verify(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("origin %s: %w", o.Name, err)
		}
		found = append(found, *v)
	}
	return found, nil
}

func (o *Origin) verify(ctx context.Context, l *ledger.Ledger) (*OriginVerified, error) {
	options := ledger.VerifyOptions{Copied: true}
	if err := holdAgainst(ctx, l, o.Origin, &options); err != nil {
		return nil, err
	}
	v := &OriginVerified{Origin: o.Origin, Problems: []ledger.Problem{}}
	var err error
	if v.Log, err = o.Ledger.Verify(ctx, options); err != nil {
		return nil, err
	}
	if v.Files, err = VerifyFiles(ctx, o.Root, o.Ledger, store.New(o.Root.Store()), nil); err != nil {
		return nil, err
	}
	if o.Unauthenticated() {
		v.Log.Notes = append(v.Log.Notes, "unauthenticated: nobody has signed its log")
	}
	if more := v.Log.Entries - o.Entries; more > 0 {
		v.Log.Notes = append(v.Log.Notes, fmt.Sprintf("%d entries are not merged yet: a merge was interrupted; merge it again", more))
	}
	for _, p := range append(v.Log.Problems, v.Files.Problems...) {
		v.Problems = append(v.Problems, ledger.Problem{Where: o.Name + ": " + p.Where, What: p.What})
	}
	if v.Log.More > 0 {
		v.Problems = append(v.Problems, ledger.Problem{Where: o.Name, What: fmt.Sprintf("and %d more in its log", v.Log.More)})
	}
	return v, nil
}
