package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"
)

//go:embed migration/*.sql
var migrations embed.FS

// latest is the schema version of this build: the number of migrations.
var latest = func() int {
	names, err := fs.Glob(migrations, "migration/[0-9]*.sql")
	if err != nil {
		panic(err) // the pattern is constant
	}
	return len(names)
}()

// applicationID marks the file as a ledger: "Dayb".
const applicationID = 0x44617962

// querier is what *sql.DB, *sql.Conn and *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// errForeign is reported as ErrNotLedger.
var errForeign = errors.New("another program's database")

// schemaVersion returns the version of a ledger's schema, 0 for an empty file.
// The error wraps errForeign if the file holds another program's tables.
func schemaVersion(ctx context.Context, db querier) (int, error) {
	var version, application, tables int
	err := db.QueryRowContext(ctx, `SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_user_version, pragma_application_id`).Scan(&version, &application, &tables)
	if err != nil {
		return 0, err
	}
	if application != applicationID && application != copyID && (application != 0 || version != 0 || tables != 0) {
		return 0, errForeign
	}
	return version, nil
}

// prepare turns on the write-ahead log and applies the migrations that are missing.
func (l *Ledger) prepare(ctx context.Context) error {
	version, err := schemaVersion(ctx, l.write)
	if err != nil {
		return l.explain(err)
	}
	if version > latest {
		return fmt.Errorf("ledger: %s: %w", l.path, &VersionError{Ledger: version, Build: latest})
	}
	if err := l.logAhead(ctx); err != nil {
		return l.explain(err)
	}
	for version < latest {
		if version, err = l.migrate(ctx); err != nil {
			return l.explain(err)
		}
	}
	return nil
}

// logAhead switches the file to a write-ahead log. SQLite doesn't wait for the
// lock that this needs, so two first openings at once have to try in turn.
func (l *Ledger) logAhead(ctx context.Context) error {
	deadline := time.Now().Add(busyTimeout)
	for {
		var mode string
		err := l.write.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		switch {
		case err == nil && mode == "wal":
			return nil
		case err == nil:
			return fmt.Errorf("write-ahead log: the filesystem can't have one (journal mode is %s)", mode)
		case !errors.Is(classified(err), ErrBusy) || time.Now().After(deadline):
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// migrate applies the next migration, the last one with the views, in one
// transaction, and returns the version that the ledger then has.
func (l *Ledger) migrate(ctx context.Context) (int, error) {
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	version, err := schemaVersion(ctx, tx) // another process may have been faster
	if err != nil || version >= latest {
		return version, err
	}
	version++
	application := applicationID
	if copied, err := isCopy(ctx, tx); err != nil {
		return 0, err
	} else if copied {
		application = copyID
	}
	if err := script(ctx, tx, version); err != nil {
		return 0, err
	}
	if version == latest {
		if err := newTransaction(tx, l).adopt(ctx); err != nil {
			return 0, fmt.Errorf("migration %d: %w", version, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", version, application)); err != nil {
		return 0, err
	}
	return version, tx.Commit()
}

// script applies the SQL of a migration, and with that of the last one the views.
func script(ctx context.Context, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, version int,
) error {
	names, err := fs.Glob(migrations, fmt.Sprintf("migration/%04d_*.sql", version))
	if err != nil || len(names) != 1 {
		return fmt.Errorf("migration %d: %d files, %w", version, len(names), err)
	}
	if version == latest {
		names = append(names, "migration/views.sql")
	}
	for _, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("migration %s: %w", path.Base(name), err)
		}
	}
	return nil
}
