package dataset

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// column is a node of a Parquet schema, which stores a nested record as columns
// of values with levels (Melnik et al. 2010, "Dremel").
type column struct {
	name               string
	optional, repeated bool
	definition         int // level from which there is a value
	repetition         int // level of the values that begin another element
	children           []*column
	leaves             int // leaf columns below
	list               bool
	convert            func(parquet.Value) (any, error) // of a leaf
}

func newColumn(c *parquet.Column, path string) (*column, error) {
	path += c.Name()
	n := &column{
		name: c.Name(), optional: c.Optional(), repeated: c.Repeated(),
		definition: c.MaxDefinitionLevel(), repetition: c.MaxRepetitionLevel(), leaves: 1,
	}
	if c.Leaf() {
		var err error
		n.convert, err = converter(c.Type())
		if err != nil {
			return nil, faultf(-1, "leave the column out, or make it a string", "%w: %s: %w", ErrColumn, quote(path), err)
		}
		return n, nil
	}
	n.leaves = 0
	for _, child := range c.Columns() {
		one, err := newColumn(child, path+".")
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, one)
		n.leaves += one.leaves
	}
	if n.leaves == 0 {
		return nil, faultf(-1, "leave the column out", "%w: %s has no values", ErrColumn, quote(path))
	}
	// A list is a group around a repeated group around the elements.
	n.list = len(n.children) == 1 && n.children[0].repeated && len(n.children[0].children) == 1 && !n.repeated
	return n, nil
}

// members assembles the values of columns, by leaf, to an object.
func members(columns []*column, values [][]parquet.Value) (object, error) {
	var o object
	for _, c := range columns {
		if c.leaves > len(values) {
			return nil, fmt.Errorf("%w: a row with too few values", ErrNotParquet)
		}
		v, err := c.value(values[:c.leaves])
		if err != nil {
			return nil, err
		}
		values = values[c.leaves:]
		o = append(o, member{key: c.name, at: -1, value: v})
	}
	return o, o.sort()
}

// value assembles what is in the column at one place of its parent.
func (c *column) value(values [][]parquet.Value) (any, error) {
	if len(values[0]) == 0 {
		return nil, fmt.Errorf("%w: a row with too few values", ErrNotParquet)
	}
	there := values[0][0].DefinitionLevel() >= c.definition
	switch {
	case c.repeated:
		return c.elements(values, there, c.one)
	case !there:
		return nil, nil
	case c.list:
		inner := c.children[0]
		there := values[0][0].DefinitionLevel() >= inner.definition
		return inner.elements(values, there, inner.children[0].value)
	}
	return c.one(values)
}

// one assembles a value that is there.
func (c *column) one(values [][]parquet.Value) (any, error) {
	if c.convert == nil {
		return members(c.children, values)
	}
	v, err := c.convert(values[0][0])
	if err != nil {
		return nil, faultf(-1, "leave the column out, or make it a string", "%w: %s: %w", ErrColumn, quote(c.name), err)
	}
	return v, nil
}

// elements assembles the elements of a repeated column.
func (c *column) elements(values [][]parquet.Value, there bool, one func([][]parquet.Value) (any, error)) (any, error) {
	list := array{}
	for there && len(values[0]) > 0 {
		element := make([][]parquet.Value, len(values))
		rest := make([][]parquet.Value, len(values))
		for i, v := range values {
			n := min(1, len(v))
			for n < len(v) && v[n].RepetitionLevel() > c.repetition {
				n++
			}
			element[i], rest[i] = v[:n], v[n:]
		}
		v, err := one(element)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		values = rest
	}
	return list, nil
}

// converter returns how values of a type become what JSON has: a NaN, which
// pandas writes for a missing number, becomes null, dates become text.
func converter(t parquet.Type) (func(parquet.Value) (any, error), error) {
	unsigned := false
	if logical := t.LogicalType(); logical != nil {
		switch l := logical.Value.(type) {
		case *format.TimestampType:
			return timestamp(l.Unit.Value), nil
		case *format.DateType:
			return func(v parquet.Value) (any, error) {
				return time.Unix(int64(v.Int32())*24*60*60, 0).UTC().Format(time.DateOnly), nil
			}, nil
		case *format.IntType:
			unsigned = !l.IsSigned
		case nil, *format.StringType, *format.JsonType, *format.EnumType, *format.NullType:
		default:
			return nil, fmt.Errorf("values of type %s", l)
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return func(v parquet.Value) (any, error) { return v.Boolean(), nil }, nil
	case parquet.Int32:
		if unsigned {
			return func(v parquet.Value) (any, error) { return float64(v.Uint32()), nil }, nil
		}
		return func(v parquet.Value) (any, error) { return float64(v.Int32()), nil }, nil
	case parquet.Int64:
		return func(v parquet.Value) (any, error) {
			if n := v.Int64(); n < -maxInteger || n > maxInteger {
				return nil, fmt.Errorf("%w: integer beyond 2^53", ErrNumber)
			}
			return float64(v.Int64()), nil
		}, nil
	case parquet.Float:
		return func(v parquet.Value) (any, error) { return finite(float64(v.Float())) }, nil
	case parquet.Double:
		return func(v parquet.Value) (any, error) { return finite(v.Double()) }, nil
	case parquet.ByteArray:
		return func(v parquet.Value) (any, error) {
			if !utf8.Valid(v.ByteArray()) {
				return nil, ErrEncoding
			}
			return string(v.ByteArray()), nil
		}, nil
	case parquet.Int96, parquet.FixedLenByteArray:
	}
	return nil, fmt.Errorf("values of type %s", t)
}

func finite(f float64) (any, error) {
	switch {
	case math.IsNaN(f):
		return nil, nil
	case math.IsInf(f, 0):
		return nil, fmt.Errorf("%w: infinity", ErrNumber)
	case f == math.Trunc(f) && abs(f) > maxInteger && abs(f) < exponentFrom:
		return nil, fmt.Errorf("%w: integer beyond 2^53", ErrNumber)
	}
	return f, nil
}

func timestamp(unit format.TimeUnitValue) func(parquet.Value) (any, error) {
	return func(v parquet.Value) (any, error) {
		var t time.Time
		switch n := v.Int64(); unit.(type) {
		case *format.NanoSeconds:
			t = time.Unix(0, n)
		case *format.MicroSeconds:
			t = time.UnixMicro(n)
		default:
			t = time.UnixMilli(n)
		}
		return t.UTC().Format(time.RFC3339Nano), nil
	}
}
