package export

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"daybook/ledger"
)

// csvSink writes RFC 4180, with a line of names; what is missing is empty.
type csvSink struct {
	file *os.File
	out  *csv.Writer
	line []string
}

func newCSV(v ledger.View, path string) (sink, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	s := &csvSink{file: file, out: csv.NewWriter(file), line: make([]string, len(v.Columns))}
	for i, c := range v.Columns {
		s.line[i] = c.Name
	}
	return s, s.out.Write(s.line)
}

func (s *csvSink) row(values []any) error {
	for i, v := range values {
		switch v := v.(type) {
		case nil:
			s.line[i] = ""
		case string:
			s.line[i] = v
		case int64:
			s.line[i] = strconv.FormatInt(v, 10)
		case float64:
			s.line[i] = strconv.FormatFloat(v, 'g', -1, 64)
		default:
			return fmt.Errorf("%v is a %T", v, v)
		}
	}
	return s.out.Write(s.line)
}

func (s *csvSink) close() error {
	s.out.Flush()
	return errors.Join(s.out.Error(), s.file.Close())
}

// parquetSink writes Parquet with Zstandard.
type parquetSink struct {
	file *os.File
	out  *parquet.GenericWriter[any]
	line parquet.Row
}

func newParquet(v ledger.View, path string) (sink, error) {
	// A group of nodes would put its columns in alphabetical order.
	types := map[ledger.ViewKind]reflect.Type{ledger.Text: reflect.TypeFor[*string](), ledger.Integer: reflect.TypeFor[*int64](), ledger.Real: reflect.TypeFor[*float64]()}
	fields := make([]reflect.StructField, len(v.Columns))
	for i, c := range v.Columns {
		fields[i] = reflect.StructField{Name: fmt.Sprintf("Column%d", i), Type: types[c.Kind], Tag: reflect.StructTag(fmt.Sprintf(`parquet:"%s,optional"`, c.Name))}
	}
	schema := parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &parquetSink{file: file, out: parquet.NewGenericWriter[any](file, schema, parquet.Compression(&parquet.Zstd))}, nil
}

func (s *parquetSink) row(values []any) error {
	s.line = s.line[:0]
	for i, v := range values {
		value := parquet.NullValue().Level(0, 0, i)
		if v != nil {
			value = parquet.ValueOf(v).Level(0, 1, i)
		}
		s.line = append(s.line, value)
	}
	_, err := s.out.WriteRows([]parquet.Row{s.line})
	return err
}

func (s *parquetSink) close() error { return errors.Join(s.out.Close(), s.file.Close()) }
