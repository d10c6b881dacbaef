package ledger

import (
	"context"
	"fmt"
	"regexp"
)

// ReserveVersion returns the version number under which an adapter is to be
// published in its sweep: the one it has if it was published or reserved before,
// else the next. Only Sweep, Run, Epoch and Digest are looked at. A number is
// given to one adapter alone, also when two processes ask at once, and the same
// adapter gets the same number again after a crash. It stays reserved until Placed.
func (l *Ledger) ReserveVersion(ctx context.Context, a Adapter) (version int, err error) {
	if err := a.check(); err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	err = l.update(ctx, func(ctx context.Context, t *transaction) error {
		found, err := none(t.row(ctx, `SELECT version FROM adapters WHERE (sweep, run, epoch, digest) = (?1, ?2, ?3, ?4)
			UNION ALL SELECT version FROM reservations WHERE (sweep, run, epoch, digest) = (?1, ?2, ?3, ?4)`,
			a.Sweep, a.Run, a.Epoch, a.Digest).Scan(&version))
		if err != nil || found {
			return err
		}
		if err := t.row(ctx, `SELECT 1 + max((SELECT coalesce(max(version), 0) FROM adapters WHERE sweep = ?1),
			(SELECT coalesce(max(version), 0) FROM reservations WHERE sweep = ?1))`, a.Sweep).Scan(&version); err != nil {
			return err
		}
		return t.exec(ctx, "INSERT INTO reservations (sweep, version, run, epoch, digest) VALUES (?, ?, ?, ?, ?)",
			a.Sweep, version, a.Run, a.Epoch, a.Digest)
	})
	return version, err
}

// RecordAdapter adds the fact that an adapter was published, under the version
// that ReserveVersion gave it. An adapter that was published before is not added
// again. The error wraps ErrConflict if the version is another adapter's. A zero
// Time is the ledger's.
func (l *Ledger) RecordAdapter(ctx context.Context, a Adapter) error {
	if err := a.check(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		name := "adapter " + a.Name()
		var version int
		found, err := none(t.row(ctx, "SELECT version FROM adapters WHERE (sweep, run, epoch, digest) = (?, ?, ?, ?)",
			a.Sweep, a.Run, a.Epoch, a.Digest).Scan(&version))
		switch {
		case err != nil:
			return err
		case found && version == a.Version:
			return nil
		case found:
			return fmt.Errorf("%s: %w: it is published as v%d", name, ErrConflict, version)
		}
		err = t.row(ctx, "SELECT version FROM reservations WHERE (sweep, version, run, epoch, digest) = (?, ?, ?, ?, ?)",
			a.Sweep, a.Version, a.Run, a.Epoch, a.Digest).Scan(&version)
		if found, err = none(err); err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%s: %w: the version is not reserved for it", name, ErrConflict)
		}
		if a.Time.IsZero() {
			a.Time = t.time
		}
		a.Time = a.Time.UTC()
		return t.append(ctx, typeAdapter, a)
	})
}

// Placed says that the folders of adapters, which are recorded, are in their places:
// from then on, one that isn't there is missing, and not unfinished.
func (l *Ledger) Placed(ctx context.Context, adapters []Adapter) error {
	if len(adapters) == 0 {
		return nil
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		for _, a := range adapters {
			if err := t.exec(ctx, "DELETE FROM reservations WHERE (sweep, version) = (?, ?)", a.Sweep, a.Version); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a Adapter) check() error {
	thing := "adapter of " + a.Sweep
	if a.Sweep == "" {
		return invalid("adapter", "it has no sweep")
	}
	if a.Epoch < 1 {
		return invalid(thing, "epoch is %d", a.Epoch)
	}
	for name, digest := range a.Files {
		if err := digests(thing, "digest of "+name, digest); err != nil {
			return err
		}
	}
	return digests(thing, "digest", a.Digest, "run", a.Run)
}

func projectAdapter(ctx context.Context, t *transaction, e entry, a Adapter) error {
	if a.Files == nil {
		a.Files = map[string]Digest{} // as in entries of version 1
	}
	files, err := jsonColumns(a.Files)
	if err != nil {
		return err
	}
	return t.exec(ctx, "INSERT INTO adapters (sweep, version, digest, run, epoch, path, bytes, time, files, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		a.Sweep, a.Version, a.Digest, a.Run, a.Epoch, a.Path, a.Bytes, formatTime(a.Time), files[0], e.Seq)
}

var (
	aliasForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	versionForm = regexp.MustCompile(`^v[0-9]+$`)
)

// Tag points an alias at a version of its sweep, from wherever it pointed. The
// error wraps ErrNotFound if there is no such version and ErrInvalid if the
// alias could be taken for something else. A zero Time is the ledger's.
func (l *Ledger) Tag(ctx context.Context, a Alias) error {
	if !aliasForm.MatchString(a.Alias) || versionForm.MatchString(a.Alias) {
		return hinted{fmt.Errorf("ledger: %w", invalid("alias "+a.Alias, "not a name")), "use lower-case letters, digits, '.', '_' and '-', and nothing like v7"}
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		var known int
		found, err := none(t.row(ctx, "SELECT 1 FROM adapters WHERE sweep = ? AND version = ?", a.Sweep, a.Version).Scan(&known))
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("adapter %s@v%d: %w", a.Sweep, a.Version, ErrNotFound)
		}
		found, err = none(t.row(ctx, "SELECT 1 FROM aliases WHERE sweep = ? AND alias = ? AND version = ?", a.Sweep, a.Alias, a.Version).Scan(&known))
		if err != nil || found {
			return err
		}
		if a.Time.IsZero() {
			a.Time = t.time
		}
		a.Time = a.Time.UTC()
		return t.append(ctx, typeAlias, a)
	})
}

func projectAlias(ctx context.Context, t *transaction, e entry, a Alias) error {
	return t.exec(ctx, `INSERT INTO aliases (sweep, alias, version, time, entry) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (sweep, alias) DO UPDATE SET version = excluded.version, time = excluded.time, entry = excluded.entry`,
		a.Sweep, a.Alias, a.Version, formatTime(a.Time), e.Seq)
}
