package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"
)

// ViewKind is what the values of a view's column are; any may be missing.
type ViewKind int

// Kinds of column.
const (
	Text    ViewKind = iota // string
	Integer                 // int64
	Real                    // float64
)

// ViewColumn is one column of a view.
type ViewColumn struct {
	Name string
	Kind ViewKind
}

// View is one of the views that are meant for others; migration/views.sql describes them.
type View struct {
	Name    string
	Columns []ViewColumn // in the view's order
}

// Views returns the public views.
func Views() []View {
	return []View{
		view("v_runs", "sweep_id:integer sweep position:integer run kind name axes state attempts:integer chosen_epoch:integer adapter tokens:integer seconds:real error base numerics train_set validation_set test_set evaluation git_commit git_branch git_dirty:integer planned_at started_at ended_at spec latest:integer unauthenticated:integer"),
		view("v_metrics", "run kind evaluation_id:integer attempt:integer subject baseline epoch:integer chosen:integer split set_digest evaluation records:integer metric metric_version:integer by_field tag value:real num:real den:real evaluated_at"),
		view("v_adapters", "sweep version:integer digest run epoch:integer path bytes:integer published_at aliases"),
	}
}

func view(name, columns string) View {
	v := View{Name: name}
	for c := range strings.FieldsSeq(columns) {
		name, kind, _ := strings.Cut(c, ":")
		v.Columns = append(v.Columns, ViewColumn{name, map[string]ViewKind{"": Text, "integer": Integer, "real": Real}[kind]})
	}
	return v
}

// ReadViews calls f with each public view and its rows, all of one state of the
// ledger. A row has a string, int64 or float64 for each column, or nil; it is valid
// until the next.
func (l *Ledger) ReadViews(ctx context.Context, f func(v View, rows iter.Seq2[[]any, error]) error) error {
	tx, err := l.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return l.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	for _, v := range Views() {
		if err := f(v, func(yield func([]any, error) bool) {
			if err := v.read(ctx, tx, yield); err != nil {
				yield(nil, fmt.Errorf("%s: %w", v.Name, l.explain(err)))
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// read yields rows until it is told to stop. The error is not yielded yet.
func (v View) read(ctx context.Context, tx *sql.Tx, yield func([]any, error) bool) error {
	names := make([]string, len(v.Columns))
	values, into := make([]any, len(v.Columns)), make([]any, len(v.Columns))
	for i, c := range v.Columns {
		names[i], into[i] = c.Name, &values[i]
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+v.Name)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, c := range v.Columns {
			if values[i], err = c.value(values[i]); err != nil {
				return err
			}
		}
		if !yield(values, nil) {
			return nil
		}
	}
	return rows.Err()
}

// value returns a value as its column's kind has it.
func (c ViewColumn) value(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return c.value(string(v))
	case string:
		if c.Kind == Text {
			return v, nil
		}
	case bool:
		if c.Kind == Integer && v {
			return int64(1), nil
		} else if c.Kind == Integer {
			return int64(0), nil
		}
	case int64:
		if c.Kind == Integer {
			return v, nil
		}
	case float64:
		if c.Kind == Real {
			return v, nil
		}
	}
	return nil, fmt.Errorf("column %s: %v is a %T", c.Name, v, v)
}
