package ledger

import (
	"bytes"
	"database/sql"
	"encoding/binary"
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
		if err := c.table(table); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}

func (c *check) table(table string) error {
	rows, err := c.conn.QueryContext(c.ctx, "SELECT name, pk > 0 FROM pragma_table_info(?, 'again')", table)
	if err != nil {
		return err
	}
	type columnInfo struct {
		name string
		key  bool
	}
	columns, err := scanAll(rows, func(row *sql.Rows, v *columnInfo) error { return row.Scan(&v.name, &v.key) })
	if err != nil {
		return err
	}
	var on, differ, mine, theirs []string
	var key string // a column of the primary key: null in a row that isn't there
	keys := map[string]bool{}
	for _, col := range columns {
		mine, theirs = append(mine, "a."+col.name), append(theirs, "b."+col.name)
		if col.key {
			on, keys[col.name], key = append(on, "a."+col.name+" = b."+col.name), true, col.name
		} else {
			differ = append(differ, "a."+col.name+" IS NOT b."+col.name)
		}
	}
	// Every row of either has its counterpart in the other.
	query := fmt.Sprintf("SELECT 'row', %[1]s, %[2]s FROM main.%[3]s a LEFT JOIN again.%[3]s b ON %[4]s WHERE %[5]s UNION ALL "+
		"SELECT 'none', %[1]s, %[2]s FROM again.%[3]s b LEFT JOIN main.%[3]s a ON %[4]s WHERE %[6]s",
		strings.Join(mine, ", "), strings.Join(theirs, ", "), table, strings.Join(on, " AND "),
		strings.Join(append(differ, "b."+key+" IS NULL"), " OR "), "a."+key+" IS NULL")
	if rows, err = c.conn.QueryContext(c.ctx, query); err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	values := make([]any, 1+2*len(columns))
	places := make([]any, len(values))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		is, should := values[1:1+len(columns)], values[1+len(columns):]
		missing := values[0] == "none"
		extra := true // a row without a counterpart has no key beside it
		where := table
		for i, col := range columns {
			if keys[col.name] {
				extra = extra && should[i] == nil
				value := is[i]
				if missing {
					value = should[i]
				}
				where += fmt.Sprintf(", %s %s", col.name, shown(value))
			}
		}
		switch {
		case missing:
			c.v.problem(where, "the row is missing")
		case extra:
			c.v.problem(where, "no entry says so")
		default:
			for i, col := range columns {
				if !reflect.DeepEqual(is[i], should[i]) {
					c.v.problem(where, "%s is %s, the entries say %s", col.name, shown(is[i]), shown(should[i]))
				}
			}
		}
	}
	return rows.Err()
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

// lists checks the identifiers of records, which are not in the entries: those
// that the entries commit to must be there, and no others.
func (c *check) lists() error {
	for _, l := range []struct{ table, named string }{
		{"record_lists", "SELECT list FROM again.evaluations"},
		{"member_lists", "SELECT list FROM again.sets"},
	} {
		rows, err := c.conn.QueryContext(c.ctx, "SELECT digest, 1 FROM main."+l.table+" WHERE digest NOT IN ("+l.named+") UNION ALL "+
			"SELECT list, 0 FROM ("+l.named+") WHERE list NOT IN (SELECT digest FROM main."+l.table+")")
		if err != nil {
			return err
		}
		type stray struct {
			digest string
			extra  bool
		}
		found, err := scanAll(rows, func(row *sql.Rows, v *stray) error { return row.Scan(&v.digest, &v.extra) })
		if err != nil {
			return err
		}
		for _, v := range found {
			if c.again.bad != (Problem{}) {
				break // which lists there should be isn't known then
			}
			if v.extra {
				c.v.problem(l.table+", "+short(v.digest), "no entry names it")
			} else {
				c.v.problem(l.table+", "+short(v.digest), "the identifiers that an entry commits to are gone")
			}
		}
	}
	if err := c.records(); err != nil {
		return err
	}
	return c.members()
}

func (c *check) records() error {
	rows, err := c.conn.QueryContext(c.ctx, "SELECT digest, records FROM main.record_lists")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var digest string
		var packed sql.RawBytes
		if err := rows.Scan(&digest, &packed); err != nil {
			return err
		}
		if listDigest("records", packed) != digest {
			c.v.problem("record_lists, "+short(digest), "the identifiers are not those that the digest is of")
		}
	}
	return rows.Err()
}

func (c *check) members() error {
	rows, err := c.conn.QueryContext(c.ctx, `SELECT coalesce(l.digest, ''), coalesce(l.id, m.list), m.position, m.record, m.content, m.example, m.tokens, m.truncated
		FROM main.member_lists l FULL JOIN main.members m ON m.list = l.id ORDER BY 2, 3`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var packed bytes.Buffer
	var current string
	list := int64(-1)
	flush := func() {
		if list >= 0 && (current == "" || listDigest("members", packed.Bytes()) != current) {
			c.v.problem(fmt.Sprintf("members, list %d", list), "the identifiers are not those that the digest %.12s is of", current)
		}
		packed.Reset()
	}
	next := int64(0)
	for rows.Next() {
		var digest string
		var id int64
		var position, tokens, truncated sql.NullInt64
		var ids [3]sql.RawBytes
		if err := rows.Scan(&digest, &id, &position, &ids[0], &ids[1], &ids[2], &tokens, &truncated); err != nil {
			return err
		}
		if id != list {
			flush()
			list, current, next = id, digest, 0
		}
		if !position.Valid {
			continue // a list without members
		}
		if position.Int64 != next {
			c.v.problem(fmt.Sprintf("members, list %d", list), "position %d follows %d", position.Int64, next-1)
		}
		next = position.Int64 + 1
		for _, raw := range ids {
			if len(raw) != 32 {
				c.v.problem(fmt.Sprintf("members, list %d, position %d", list, position.Int64), "an identifier has %d bytes", len(raw))
			}
			packed.Write(raw)
		}
		var counts [16]byte
		binary.LittleEndian.PutUint64(counts[:8], uint64(tokens.Int64))
		binary.LittleEndian.PutUint64(counts[8:], uint64(truncated.Int64))
		packed.Write(counts[:])
	}
	flush()
	return rows.Err()
}
