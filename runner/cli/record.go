package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/runner"
)

// mostRecord bounds a record, in bytes.
const mostRecord = 64 << 20

// asked returns the records that args name, read as the ledger's datasets were, and
// the key under which their IDs are kept.
func (e *env) asked(ctx context.Context, root runner.Root, l *ledger.Ledger, args []string, jsonl bool) (key []byte, subjects []runner.Subject, err error) {
	if key, err = root.ExistingRecordKey(); err != nil {
		return nil, nil, err
	}
	fields, err := runner.RecordedFields(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	subjects, err = e.subjects(args, jsonl, fields)
	return key, subjects, err
}

// subjects reads records: files, "-" for standard input, IDs or texts. With jsonl,
// files hold one on each line.
func (e *env) subjects(args []string, jsonl bool, fields []dataset.Fields) ([]runner.Subject, error) {
	var out []runner.Subject
	for _, arg := range args {
		if s, ok := runner.SubjectOf(arg); ok {
			out = append(out, s)
			continue
		}
		text, err := e.recordText(arg)
		if err != nil {
			return nil, err
		}
		if !jsonl {
			s, err := runner.NewSubject(text, fields)
			if err != nil {
				return nil, recordError(arg, err)
			}
			s.Given = source(arg)
			out = append(out, s)
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, mostRecord)
		for n := 1; lines.Scan(); n++ {
			line := bytes.TrimSpace(lines.Bytes())
			if len(line) == 0 {
				continue
			}
			if line[0] != '{' {
				return nil, recordError(fmt.Sprintf("%s:%d", arg, n), errors.New("it is no record"))
			}
			s, err := runner.NewSubject(bytes.Clone(lines.Bytes()), fields)
			if err != nil {
				return nil, recordError(fmt.Sprintf("%s:%d", arg, n), err)
			}
			s.Given = fmt.Sprintf("%s:%d", source(arg), n)
			out = append(out, s)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
	}
	if len(out) == 0 {
		return nil, usageError{runner.WithHint(errors.New("RECORD: there is none"), "with --jsonl a file has one record on each line")}
	}
	return out, nil
}

// source names the file that an argument is, "" if it is the record itself. The folder
// is left out: an answer is passed on.
func source(arg string) string {
	if arg == "-" {
		return "standard input"
	}
	if _, err := os.Stat(arg); err != nil {
		return ""
	}
	return filepath.Base(arg)
}

// recordText returns what an argument holds: a file, standard input, or itself.
func (e *env) recordText(arg string) ([]byte, error) {
	if arg == "-" {
		text, err := io.ReadAll(io.LimitReader(e.in, mostRecord))
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(arg)
	switch {
	case err == nil:
		return text, nil
	case strings.HasPrefix(strings.TrimSpace(arg), "{"), errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(strings.TrimSpace(arg), " \n\t"):
		return []byte(arg), nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("record: %w", err)
	}
	return nil, usageError{runner.WithHint(fmt.Errorf("RECORD: %s is no file, and neither an ID of 64 hex digits nor a text", arg),
		"check the spelling; the start of an ID is not enough, because only keyed IDs are kept")}
}

func recordError(where string, err error) error {
	advice := "a record is one JSON object, as on a line of a JSON Lines file; --jsonl reads several"
	if hint := runner.HintOf(err); hint != "" {
		advice = hint
	}
	if len(where) > 60 || strings.HasPrefix(where, "{") {
		where = "record"
	}
	return usageError{runner.WithHint(fmt.Errorf("%s: %w", where, err), advice)}
}
