package ledger

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"strings"
)

// appended is a query table that only ever gets rows, each from one entry, and that
// no projection reads. They are the tables that grow.
type appended struct {
	table   string
	columns []string
	insert  string // statement
}

func newAppended(table string, columns ...string) *appended {
	return &appended{table, columns, fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)",
		table, strings.Join(columns, ", "), strings.Repeat(", ?", len(columns)-1))}
}

var (
	datasetRows    = newAppended("datasets", "digest", "path", "bytes", "records", "root", "entry")
	lineRows       = newAppended("journal_lines", "attempt", "seq", "digest")
	stepRows       = newAppended("steps", "attempt", "step", "epoch", "loss", "learning_rate", "grad_norm", "tokens", "targets", "seconds")
	epochRows      = newAppended("epochs", "attempt", "epoch", "train_loss", "selected", "best", "adapter", "path", "seconds")
	evaluationRows = newAppended("evaluations", "id", "run", "attempt", "subject", "baseline", "epoch", "split", "set_digest", "evaluation", "prediction_key",
		"records", "list", "seconds", "identity", "time", "entry", "predictions")
	metricRows = newAppended("metric_values", "evaluation", "ordinal", "metric", "version", "by_field", "tag", "value", "num", "den")
	scoreRows  = newAppended("scores", "evaluation", "ordinal", "metric", "version", "num", "den")
)

// allAppended lists them.
var allAppended = []*appended{datasetRows, lineRows, stepRows, epochRows, evaluationRows, metricRows, scoreRows}

// insert adds a row and returns its number, which has no meaning in a table that
// doesn't number its rows. In one that does, the first value is nil.
func (t *transaction) insert(ctx context.Context, to *appended, values ...any) (int64, error) {
	if t.sums != nil {
		n := t.sums.of[to].rows + 1 // as SQLite numbers rows of which none is ever deleted
		if values[0] == nil {
			values[0] = n
		}
		return n, t.sums.add(to, values)
	}
	s, err := t.stmt(ctx, to.insert) //nolint:sqlclosecheck // it is closed with the transaction
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, values...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// rowSums stand for the rows of the appended tables: for each table, how many there
// are and the sum, modulo 2^256, of their hashes under a key that is made for one
// comparison and shown to nobody (a multiset hash: Clarke et al. 2003, section 5).
// The same rows in another order have the same sum. Other rows, one more, or one
// twice, have another: whoever chose them didn't know the key.
type rowSums struct {
	key [sha256.Size]byte
	of  map[*appended]*rowSum
	buf []byte
}

type rowSum struct {
	rows int64
	sum  [4]uint64 // least significant first
}

func newRowSums() *rowSums {
	var key [sha256.Size]byte
	_, _ = rand.Read(key[:]) // it never fails
	return rowSumsUnder(key)
}

func rowSumsUnder(key [sha256.Size]byte) *rowSums {
	s := &rowSums{key: key, of: map[*appended]*rowSum{}}
	for _, to := range allAppended {
		s.of[to] = &rowSum{}
	}
	return s
}

// add counts a row in.
func (s *rowSums) add(to *appended, values []any) error {
	s.buf = append(s.buf[:0], s.key[:]...)
	for i, v := range values {
		var err error
		if s.buf, err = appendValue(s.buf, v); err != nil {
			return fmt.Errorf("%s, column %s: %w", to.table, to.columns[i], err)
		}
	}
	hash := sha256.Sum256(s.buf)
	of, carry := s.of[to], uint64(0)
	of.rows++
	for i := range of.sum {
		of.sum[i], carry = bits.Add64(of.sum[i], binary.LittleEndian.Uint64(hash[8*i:]), carry)
	}
	return nil
}

// equal reports whether both are of the same rows.
func (s *rowSums) equal(other *rowSums) bool {
	return maps.EqualFunc(s.of, other.of, func(a, b *rowSum) bool { return *a == *b })
}

// appendValue encodes a value as SQLite keeps it, so that no two rows of a table
// have the same bytes.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, 'n'), nil
	case int64:
		return binary.LittleEndian.AppendUint64(append(b, 'i'), uint64(v)), nil
	case int:
		return binary.LittleEndian.AppendUint64(append(b, 'i'), uint64(v)), nil
	case float64:
		if v == 0 {
			v = 0 // SQLite has no -0
		}
		return binary.LittleEndian.AppendUint64(append(b, 'r'), math.Float64bits(v)), nil
	case string:
		return append(binary.LittleEndian.AppendUint64(append(b, 't'), uint64(len(v))), v...), nil
	case []byte:
		return append(binary.LittleEndian.AppendUint64(append(b, 'b'), uint64(len(v))), v...), nil
	case bool:
		if v {
			return appendValue(b, 1)
		}
		return appendValue(b, 0)
	}
	converted, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return b, err
	}
	switch converted.(type) {
	case nil, int64, float64, string, []byte, bool:
		return appendValue(b, converted)
	}
	return b, fmt.Errorf("a column holds no %T", converted)
}
