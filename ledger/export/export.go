package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"daybook/ledger"
	"daybook/ledger/folder"
)

// Format is a way to write a ledger's content.
type Format string

// Formats.
const (
	Parquet Format = "parquet"
	CSV     Format = "csv"
	MLflow  Format = "mlflow"
)

// Formats lists the formats that there are.
func Formats() []Format { return []Format{Parquet, CSV, MLflow} }

// ErrFormat is wrapped by errors about a format that there is none of.
var ErrFormat = errors.New("want parquet, csv or mlflow")

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("%q: %w", name, ErrFormat)
}

// Write writes a new folder with the ledger's content in some formats. The folder
// is complete or absent: it is written under another name beside its place. The
// error wraps fs.ErrExist if something is there already. Merged ledgers, by their names,
// are each in a folder of their own in it, origins/NAME.
func Write(ctx context.Context, l *ledger.Ledger, dir string, formats []Format, merged map[string]*ledger.Ledger) (err error) {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("export: %s: %w", dir, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("export: %w", err)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	temp, err := os.MkdirTemp(parent, ".export-*")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("export: %w", err), os.RemoveAll(temp))
		}
	}()
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := write(ctx, l, temp, formats); err != nil {
		return err
	}
	for name, other := range merged {
		at := filepath.Join(temp, "origins", name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := write(ctx, other, at, formats); err != nil {
			return fmt.Errorf("origin %s: %w", name, err)
		}
	}
	if err := os.Rename(temp, dir); err != nil { // as when another process made it meanwhile
		return err
	}
	return folder.Sync(parent)
}

// write writes one ledger's content into a folder.
func write(ctx context.Context, l *ledger.Ledger, dir string, formats []Format) error {
	if err := writeViews(ctx, l, dir, formats); err != nil || !slices.Contains(formats, MLflow) {
		return err
	}
	return writeMLflow(ctx, l, filepath.Join(dir, "mlruns"))
}

// sink takes the rows of a view.
type sink interface {
	row(values []any) error
	close() error
}

func writeViews(ctx context.Context, l *ledger.Ledger, dir string, formats []Format) error {
	open := map[Format]func(v ledger.View, path string) (sink, error){Parquet: newParquet, CSV: newCSV}
	if !slices.ContainsFunc(formats, func(f Format) bool { return open[f] != nil }) {
		return nil
	}
	return l.ReadViews(ctx, func(v ledger.View, rows iter.Seq2[[]any, error]) (err error) {
		var sinks []sink
		defer func() {
			for _, s := range sinks {
				err = errors.Join(err, s.close())
			}
		}()
		for _, f := range formats {
			if open[f] == nil {
				continue
			}
			s, err := open[f](v, filepath.Join(dir, strings.TrimPrefix(v.Name, "v_")+"."+string(f)))
			if err != nil {
				return err
			}
			sinks = append(sinks, s)
		}
		for row, err := range rows {
			if err != nil {
				return err
			}
			for _, s := range sinks {
				if err := s.row(row); err != nil {
					return fmt.Errorf("%s: %w", v.Name, err)
				}
			}
		}
		return nil
	})
}
