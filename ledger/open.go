package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "github.com/mattn/go-sqlite3" // registers the driver

	"daybook/ledger/keyring"
)

// busyTimeout is how long a statement waits for another process's transaction.
// Daybook's own take milliseconds.
const busyTimeout = 10 * time.Second

// readers is the number of connections for queries, which don't wait for each
// other or for the writer.
const readers = 4

// Ledger is an open ledger. Its methods may be called by several goroutines.
type Ledger struct {
	path  string
	mode  string  // in which it is opened for queries
	write *sql.DB // one connection; nil if read-only
	read  *sql.DB
	now   func() time.Time
	keys  *keyring.Ring

	copied bool // another machine's, as Copy makes it

	// What follows belongs to the transaction that has the write lock.
	authority authority // that the last one was signed by
	unused    authority // made for a transaction that may not have come to pass
}

// Options change how a ledger is opened.
type Options struct {
	Now  func() time.Time // clock that entries are stamped with; time.Now if nil
	Keys *keyring.Ring    // that sign what is added; without, the ledger can only be queried

	filesystem func(dir string) (string, error) // networkFilesystem if nil
}

func (o Options) clock() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

// Open opens the ledger in a file, which it creates if need be, with its folder,
// and brings it to this build's schema. Errors wrap *VersionError for a ledger of
// a newer build, ErrNotLedger, ErrReadOnly, ErrDiskFull, ErrBusy, ErrDamaged, or
// ErrNetwork for a folder on which SQLite's locks don't work. A copy of another
// machine's ledger is read-only.
func Open(ctx context.Context, path string, o Options) (*Ledger, error) {
	l, err := openToWrite(ctx, path, o)
	if err != nil || !l.copied {
		return l, err
	}
	return nil, errors.Join(hinted{
		fmt.Errorf("ledger: %s: %w: it is a copy of another machine's ledger", l.path, ErrReadOnly),
		"add to the ledger on the machine that it is of, and merge that again",
	}, l.Close())
}

// openToWrite is Open also for a copy, whose schema may have to be brought up to date.
func openToWrite(ctx context.Context, path string, o Options) (*Ledger, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: %w", ErrReadOnly, err)
		}
		return nil, hinted{fmt.Errorf("ledger: %w", err), "choose a writable folder with --root"}
	}
	if err := refuseNetwork(dir, o.filesystem); err != nil {
		return nil, err
	}
	l := &Ledger{path: path, mode: "ro", now: o.clock(), keys: o.Keys}
	if l.write, err = connect(path, "rwc", 1); err != nil {
		return nil, err
	}
	if l.read, err = connect(path, l.mode, readers); err != nil {
		return nil, errors.Join(err, l.write.Close())
	}
	if err := l.prepare(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if l.copied, err = isCopy(ctx, l.read); err != nil {
		return nil, errors.Join(l.explain(err), l.Close())
	}
	return l, nil
}

// OpenReadOnly opens a ledger for queries, also where it can't be written. The
// error satisfies errors.Is(err, fs.ErrNotExist) if there is none; otherwise
// errors are as for Open. A ledger of an older schema is brought up to date
// first, which needs a writable folder.
func OpenReadOnly(ctx context.Context, path string, o Options) (*Ledger, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if err := refuseNetwork(filepath.Dir(path), o.filesystem); err != nil {
		return nil, err
	}
	l := &Ledger{path: path, mode: "ro", now: o.clock(), keys: o.Keys}
	if l.read, err = connect(path, l.mode, readers); err != nil {
		return nil, err
	}
	version, err := schemaVersion(ctx, l.read)
	if errors.Is(classified(err), ErrReadOnly) {
		// A log that nobody has open can only be read in a folder where SQLite can
		// put its shared memory, or if it can rely on no one writing meanwhile.
		if _, statErr := os.Stat(path + "-wal"); errors.Is(statErr, fs.ErrNotExist) {
			_ = l.read.Close()
			l.mode = "ro&immutable=1"
			if l.read, err = connect(path, l.mode, readers); err != nil {
				return nil, err
			}
			version, err = schemaVersion(ctx, l.read)
		}
	}
	switch {
	case err != nil:
		return nil, errors.Join(l.explain(err), l.Close())
	case version > latest:
		return nil, errors.Join(fmt.Errorf("ledger: %s: %w", path, &VersionError{Ledger: version, Build: latest}), l.Close())
	case version < latest:
		if err := l.Close(); err != nil {
			return nil, err
		}
		current, err := openToWrite(ctx, path, o)
		if err != nil {
			return nil, err
		}
		if err := current.Close(); err != nil {
			return nil, err
		}
		return OpenReadOnly(ctx, path, o)
	}
	if l.copied, err = isCopy(ctx, l.read); err != nil {
		return nil, errors.Join(l.explain(err), l.Close())
	}
	return l, nil
}

// Close closes the ledger.
func (l *Ledger) Close() error {
	var errs []error
	for _, db := range []*sql.DB{l.read, l.write} { // the writer last: it tidies up the log
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

func refuseNetwork(dir string, filesystem func(string) (string, error)) error {
	if filesystem == nil {
		filesystem = networkFilesystem
	}
	kind, err := filesystem(dir)
	if err != nil {
		return fmt.Errorf("ledger: %s: %w", dir, err)
	}
	if kind != "" {
		return hinted{
			fmt.Errorf("ledger: %s: %w (%s), where SQLite's write-ahead log is not safe", dir, ErrNetwork, kind),
			"keep the root on a local disk and share only .daybook/runs with other machines",
		}
	}
	return nil
}

// connect opens a pool of connections. The settings are in the name because
// every new connection needs them.
func connect(path, mode string, conns int) (*sql.DB, error) {
	name := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String() +
		fmt.Sprintf("?mode=%s&_busy_timeout=%d&_foreign_keys=on&_synchronous=FULL", mode, busyTimeout.Milliseconds())
	if mode == "rwc" {
		name += "&_txlock=immediate&_secure_delete=on" // what is forgotten is overwritten
	} else {
		name += "&_query_only=on"
	}
	db, err := sql.Open("sqlite3", name)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func classified(err error) error {
	_, cause := classify(err)
	return cause
}
