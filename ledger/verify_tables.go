package ledger

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// schema compares what the database consists of with what the migrations make: a
// view or a trigger that was changed makes queries say something else.
func (c *check) schema() error {
	is, err := c.definitions("main")
	if err != nil {
		return err
	}
	should, err := c.definitions("again")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(should)) {
		if text, ok := is[name]; !ok {
			c.v.problem(name, "it is missing")
		} else if text != should[name] {
			c.v.problem(name, "its definition was changed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, ok := should[name]; !ok && !strings.HasPrefix(name, "table sqlite_stat") { // of ANALYZE
			c.v.problem(name, "a ledger has none")
		}
	}
	return nil
}

// definitions returns what a database consists of: the SQL of each object, without
// comments, which have changed between releases, and white space.
func (c *check) definitions(database string) (map[string]string, error) {
	rows, err := c.conn.QueryContext(c.ctx, "SELECT type || ' ' || name, tbl_name, coalesce(sql, '') FROM "+database+".sqlite_schema")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string]string{}
	for rows.Next() {
		var name, of, text string
		if err := rows.Scan(&name, &of, &text); err != nil {
			return nil, err
		}
		out[name] = of + ": " + strings.Join(strings.Fields(withoutComments(text)), " ")
	}
	return out, rows.Err()
}

// withoutComments removes what is between "--" and the end of a line, outside of
// quotes.
func withoutComments(text string) string {
	var out strings.Builder
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '[':
			quote = ']'
		case strings.HasPrefix(text[i:], "--"):
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
			continue
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// tables compares the query tables with those that were made again from the
// entries, row by row and value by value.
func (c *check) tables() error {
	if c.again.bad != (Problem{}) {
		c.v.problem(c.again.bad.Where, "%s", c.again.bad.What)
		return nil
	}
	for _, table := range projected {
		if c.again.summed(table) {
			continue // it has the sum that it should
		}
		if err := c.table(table); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}

func (c *check) table(table string) error {
	j, err := c.join(table)
	if err != nil {
		return err
	}
	var mine, theirs int64
	if err := c.conn.QueryRowContext(c.ctx, fmt.Sprintf("SELECT (SELECT count(*) FROM main.%[1]s), (SELECT count(*) FROM again.%[1]s)", table)).Scan(&mine, &theirs); err != nil {
		return err
	}
	if mine == theirs && !j.clustered {
		var same int64
		if err := c.conn.QueryRowContext(c.ctx, j.same()).Scan(&same); err != nil || same == mine {
			return err
		}
	}
	wrong, err := c.compare(j, fmt.Sprintf("main.%[1]s a LEFT JOIN again.%[1]s b ON %[2]s WHERE b.%[3]s IS NULL OR %[4]s",
		table, strings.Join(j.on, " AND "), j.key(), strings.Join(append([]string{"false"}, j.differ...), " OR ")))
	if err != nil || mine == theirs && wrong == 0 { // each row has its counterpart, and keys are unique
		return err
	}
	_, err = c.compare(j, fmt.Sprintf("again.%[1]s b LEFT JOIN main.%[1]s a ON %[2]s WHERE a.%[3]s IS NULL", table, strings.Join(j.on, " AND "), j.key()))
	return err
}

// join says how a table, called a, is compared with the one made again, b.
type join struct {
	table   string
	columns []string
	keys    map[string]bool // columns of the primary key
	on      []string        // conditions for a row and its counterpart
	differ  []string        // conditions under which the two are not the same

	clustered bool // the rows are kept in the order of the primary key
}

// same counts the rows that equal the one in the same place. A ledger that nobody
// changed has its rows in the order in which they are made again, and reading both
// in that order takes no look-up of a key.
func (j join) same() string {
	equal := make([]string, len(j.columns))
	for i, name := range j.columns {
		equal[i] = "a." + name + " IS b." + name
	}
	return fmt.Sprintf("SELECT count(*) FROM main.%[1]s a CROSS JOIN again.%[1]s b ON b.rowid = a.rowid WHERE %[2]s", j.table, strings.Join(equal, " AND "))
}

// key is a column of the primary key: null in a row that isn't there.
func (j join) key() string {
	return j.columns[slices.IndexFunc(j.columns, func(name string) bool { return j.keys[name] })]
}

func (c *check) join(table string) (join, error) {
	j := join{table: table, keys: map[string]bool{}}
	// The key of a clustered table is its place: either it has no rowid, or the key is one.
	if err := c.conn.QueryRowContext(c.ctx, `SELECT (SELECT wr FROM pragma_table_list(?1) WHERE schema = 'again')
		OR NOT EXISTS (SELECT 1 FROM pragma_index_list(?1, 'again') WHERE origin = 'pk')`, table).Scan(&j.clustered); err != nil {
		return j, err
	}
	rows, err := c.conn.QueryContext(c.ctx, "SELECT name, pk > 0 FROM pragma_table_info(?, 'again')", table)
	if err != nil {
		return j, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var key bool
		if err := rows.Scan(&name, &key); err != nil {
			return j, err
		}
		j.columns = append(j.columns, name)
		if key {
			j.keys[name] = true
			j.on = append(j.on, "a."+name+" = b."+name)
		} else {
			j.differ = append(j.differ, "a."+name+" IS NOT b."+name)
		}
	}
	return j, rows.Err()
}

// compare tells of the rows that are joined by from, and returns how many those are.
func (c *check) compare(j join, from string) (n int, err error) {
	query := "SELECT a." + strings.Join(j.columns, ", a.") + ", b." + strings.Join(j.columns, ", b.") + " FROM " + from
	rows, err := c.conn.QueryContext(c.ctx, query)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	values := make([]any, 2*len(j.columns))
	places := make([]any, len(values))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return n, err
		}
		n++
		c.row(j, values[:len(j.columns)], values[len(j.columns):])
	}
	return n, rows.Err()
}

// row tells how a row differs from what it should be. One of the two may be all
// nulls: it isn't there.
func (c *check) row(j join, is, should []any) {
	where := j.table
	missing, extra := true, true
	for i, name := range j.columns {
		if !j.keys[name] {
			continue
		}
		value := is[i]
		missing, extra = missing && is[i] == nil, extra && should[i] == nil
		if value == nil {
			value = should[i]
		}
		where += fmt.Sprintf(", %s %s", name, shown(value))
	}
	switch {
	case missing:
		c.v.problem(where, "the row is missing")
	case extra:
		c.v.problem(where, "no entry says so")
	default:
		for i, name := range j.columns {
			if !reflect.DeepEqual(is[i], should[i]) {
				c.v.problem(where, "%s is %s, the entries say %s", name, shown(is[i]), shown(should[i]))
			}
		}
	}
}

// shown is a value in a message.
func shown(v any) string {
	const most = 60 // letters
	switch v := v.(type) {
	case nil:
		return "null"
	case []byte:
		return fmt.Sprintf("%d bytes that begin with %x", len(v), v[:min(len(v), 8)])
	case string:
		if len(v) > most {
			return fmt.Sprintf("%q and %d bytes more", v[:most], len(v)-most)
		}
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}
