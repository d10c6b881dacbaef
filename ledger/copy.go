package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"
)

// copyID marks a file as a copy of another machine's ledger: "Dayc". Nothing is added
// to it, and it lacks the index of records.
const copyID = 0x44617963

// indexTables hold what a ledger keeps beside its log, in an order in which they can
// be emptied: identifiers of records, with the keys of commitments to them; and who
// works on a run just now.
var indexTables = []string{
	"set_positions", "set_members", "member_ids", "member_segments", "member_pools", "members", "member_lists", "record_lists",
	"leases", "reservations",
}

// Copy makes a copy of the ledger in the file from, which may be in use and is not
// written to, in the new file to. The copy has the log and the query tables, in this
// build's schema, and none of the index: identifiers of records, which are secret to
// those who guess, stay where they are. It can be opened for queries alone. Errors are
// as for OpenReadOnly, and about the file that from names.
func Copy(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeAll(to, to+"-wal", to+"-shm", to+"-journal"))
		}
	}()
	if err := backUp(ctx, from, to); err != nil {
		return explain(from, err)
	}
	l := &Ledger{path: to, mode: "ro", now: time.Now}
	if l.write, err = connect(to, "rwc", 1); err != nil {
		return err
	}
	if err := errors.Join(l.strip(ctx), l.Close()); err != nil {
		if v := (*VersionError)(nil); errors.As(err, &v) {
			return fmt.Errorf("ledger: %s: %w", from, v)
		}
		return err
	}
	return nil
}

// strip makes a ledger a copy: it takes out the index.
func (l *Ledger) strip(ctx context.Context) error {
	if err := l.prepare(ctx); err != nil {
		return err
	}
	for _, table := range indexTables {
		if _, err := l.write.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return l.explain(fmt.Errorf("%s: %w", table, err))
		}
	}
	// What was deleted is in no page of the file that is made anew. Without a
	// write-ahead log a copy is one file, which can be replaced by a rename.
	for _, statement := range []string{fmt.Sprintf("PRAGMA application_id = %d", copyID), "VACUUM", "PRAGMA journal_mode = DELETE"} {
		if _, err := l.write.ExecContext(ctx, statement); err != nil {
			return l.explain(err)
		}
	}
	return nil
}

// backUp copies a database as one reader sees it.
func backUp(ctx context.Context, from, to string) (err error) {
	source, err := connect(from, "ro", 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	version, err := schemaVersion(ctx, source)
	if errors.Is(classified(err), ErrReadOnly) { // as in OpenReadOnly
		if _, statErr := os.Stat(from + "-wal"); errors.Is(statErr, fs.ErrNotExist) {
			unused := source
			if source, err = connect(from, "ro&immutable=1", 1); err != nil {
				return errors.Join(err, unused.Close())
			}
			if err := unused.Close(); err != nil {
				return err
			}
			version, err = schemaVersion(ctx, source)
		}
	}
	switch {
	case err != nil:
		return err
	case version == 0:
		return fmt.Errorf("%w: it is empty", errForeign)
	case version > latest:
		return &VersionError{Ledger: version, Build: latest}
	}
	target, err := connect(to, "rwc", 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	return onDriver(ctx, source, func(s *sqlite3.SQLiteConn) error {
		return onDriver(ctx, target, func(t *sqlite3.SQLiteConn) error {
			b, err := t.Backup("main", s, "main")
			if err != nil {
				return err
			}
			_, err = b.Step(-1) // all pages, under one read lock
			return errors.Join(err, b.Finish())
		})
	})
}

// onDriver calls f with the driver's own connection.
func onDriver(ctx context.Context, db *sql.DB, f func(*sqlite3.SQLiteConn) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return conn.Raw(func(driver any) error {
		c, ok := driver.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", driver)
		}
		return f(c)
	})
}

func removeAll(paths ...string) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// isCopy reports whether a file is another machine's ledger, as Copy makes it.
func isCopy(ctx context.Context, db querier) (bool, error) {
	var application int
	err := db.QueryRowContext(ctx, "SELECT application_id FROM pragma_application_id").Scan(&application)
	return application == copyID, err
}

// Copied reports whether the ledger is a copy of another machine's, without the index
// of records.
func (l *Ledger) Copied() bool { return l.copied }
