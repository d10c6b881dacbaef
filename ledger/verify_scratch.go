package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// scratch is a ledger's query tables, made again from its entries in a file that
// is thrown away. Of the tables that grow there are only sums at first: mostly, they
// are those of the ledger.
type scratch struct {
	path string
	db   *sql.DB
	t    *transaction
	bad  Problem // the first entry that nothing could be made from
}

func openScratch(ctx context.Context, path string) (*scratch, error) {
	name := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String() +
		"?_foreign_keys=on&_journal_mode=OFF&_synchronous=OFF&_cache_size=-" + strconv.Itoa(verifyCache)
	db, err := sql.Open("sqlite3", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	for version := 1; version <= latest && err == nil; version++ {
		err = script(ctx, db, version)
	}
	var tx *sql.Tx
	if err == nil {
		tx, err = db.BeginTx(ctx, nil)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	t := newTransaction(tx, &Ledger{path: path, now: time.Now})
	t.sums = newRowSums()
	return &scratch{path: path, db: db, t: t}, nil
}

// whole begins anew, with every row of every table.
func (s *scratch) whole(ctx context.Context) error {
	s.t.sums, s.bad = nil, Problem{}
	return s.t.clear(ctx)
}

// summed reports whether a table was only summed: its rows aren't there.
func (s *scratch) summed(table string) bool {
	return s.t.sums != nil && slices.ContainsFunc(allAppended, func(a *appended) bool { return a.table == table })
}

// project makes rows from entries, up to the first from which it can't, or until
// ctx ends.
func (s *scratch) project(ctx context.Context, entries []readEntry) {
	each := context.WithoutCancel(ctx) // for the reason in update
	for _, e := range entries {
		if s.bad != (Problem{}) || ctx.Err() != nil {
			return
		}
		if err := s.t.project(each, e); err != nil {
			s.bad = Problem{fmt.Sprintf("entry %d", e.Seq), fmt.Sprintf("the query tables can't be made again from it: %v", err)}
		}
	}
}

// finish makes what was projected readable for others.
func (s *scratch) finish() error { return s.t.Commit() }

func (s *scratch) close() error { return s.db.Close() }
