package sweeps

import "bytes"

// A sweep of thousands of runs evaluates to many megabytes that say the same things
// again and again: most specs differ in the seed alone. So the text is cut into runs
// first, and what they share is decoded once.

// cutRun is a run that is not decoded yet.
type cutRun struct {
	text []byte // all of it
	axes []byte // nil if there are none
	form string // members of the spec but for the seed, as they are written
	seed []byte // nil if it is left to the default
}

// parseSweep is parseJSON of what a sweep file evaluates to. Where that has the shape
// of a sweep, its runs are a list of *cutRun. The text is taken to be JSON.
func parseSweep(text []byte) (any, error) {
	c := cutter{in: text}
	top, runs := map[string]any{}, []any(nil)
	cut := c.object(func(key string) bool {
		if key != "runs" {
			v, err := parseJSON(c.value())
			top[key] = v
			return err == nil
		}
		return runs == nil && c.array(func() bool {
			r, ok := c.run()
			runs = append(runs, r)
			return ok
		})
	})
	if !cut || runs == nil || len(c.rest()) > 0 {
		return parseJSON(text)
	}
	top["runs"] = runs
	return top, nil
}

// cutter finds where values begin and end. What is not as it expects makes it give up,
// once and for all.
type cutter struct {
	in []byte // what is left
}

// rest returns what is left behind white space.
func (c *cutter) rest() []byte {
	c.in = bytes.TrimLeft(c.in, " \n\t\r")
	return c.in
}

// next takes a byte, if it comes next.
func (c *cutter) next(b byte) bool {
	ok := len(c.rest()) > 0 && c.in[0] == b
	if ok {
		c.in = c.in[1:]
	}
	return ok
}

// object takes an object, the values of its members by a function that is called with
// their keys.
func (c *cutter) object(member func(key string) bool) bool {
	if !c.next('{') {
		return false
	}
	for more := !c.next('}'); more; more = !c.next('}') {
		if len(c.rest()) == 0 || c.in[0] != '"' {
			return false
		}
		quoted := c.value()
		if len(quoted) < 2 || bytes.IndexByte(quoted, '\\') >= 0 || !c.next(':') || !member(string(quoted[1:len(quoted)-1])) {
			return false
		}
		if !c.next(',') {
			return c.next('}')
		}
	}
	return true
}

// array takes an array, its items by a function.
func (c *cutter) array(item func() bool) bool {
	if !c.next('[') {
		return false
	}
	for more := !c.next(']'); more; more = !c.next(']') {
		if !item() {
			return false
		}
		if !c.next(',') {
			return c.next(']')
		}
	}
	return true
}

// value takes any value, and returns it as it is written.
func (c *cutter) value() []byte {
	in, depth, end := c.rest(), 0, 0
	for end < len(in) {
		switch in[end] {
		case '"':
			end += quotedLength(in[end:])
		case '{', '[':
			depth++
			end++
		case '}', ']':
			depth--
			end++
		default: // a number, a word, or what stands between values
			for end < len(in) && !structural[in[end]] {
				end++
			}
			if depth > 0 && end < len(in) && in[end] == ',' {
				end++
			}
		}
		if depth <= 0 {
			break
		}
	}
	end = min(end, len(in))
	c.in = in[end:]
	return bytes.TrimRight(in[:end], " \n\t\r")
}

// structural are the bytes that can begin or end a value.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true, ',': true}

// quotedLength returns the length of the string that a text begins with.
func quotedLength(in []byte) int {
	for i := 1; i < len(in); i++ {
		switch in[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(in)
}

// run takes a run; false says that it has another shape.
func (c *cutter) run() (*cutRun, bool) {
	r, before := &cutRun{}, c.rest()
	var form []byte
	known := c.object(func(key string) bool {
		switch key {
		case "axes":
			again := r.axes != nil
			r.axes = c.value()
			return len(r.axes) > 0 && !again
		case "spec":
			return form == nil && c.object(func(key string) bool {
				value := c.value()
				if key == "seed" {
					again := r.seed != nil
					r.seed = value
					return len(value) > 0 && !again
				}
				form = append(append(append(append(form, ",\""...), key...), "\":"...), value...)
				return len(value) > 0
			})
		}
		return false
	})
	if !known || form == nil {
		return nil, false
	}
	form[0] = '{'
	r.text, r.form = before[:len(before)-len(c.in)], string(append(form, '}'))
	return r, true
}
