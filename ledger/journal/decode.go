package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrUnknown is wrapped by errors about events that this build can't read,
// because a newer one wrote them or because they are none of Daybook's.
var ErrUnknown = errors.New("unknown event")

// BodyVersion is the version of every body's schema that this build writes.
const BodyVersion = 1

// Decode returns what an event says, as a value of one of this package's Body
// types. A body with unknown fields is refused, so that nothing that a worker
// reported is dropped in silence. The error wraps ErrUnknown if the type or its
// version is not one of this build's.
func Decode(e Event) (Body, error) {
	if e.Version != BodyVersion {
		return nil, fmt.Errorf("event %d: %s: %w version %d, this build reads %d", e.Seq, e.Type, ErrUnknown, e.Version, BodyVersion)
	}
	switch e.Type {
	case Started{}.EventType():
		return decode[Started](e)
	case Step{}.EventType():
		return decode[Step](e)
	case Checkpoint{}.EventType():
		return decode[Checkpoint](e)
	case Evaluated{}.EventType():
		return decode[Evaluated](e)
	case Epoch{}.EventType():
		return decode[Epoch](e)
	case Finished{}.EventType():
		return decode[Finished](e)
	case Failed{}.EventType():
		return decode[Failed](e)
	case Interrupted{}.EventType():
		return decode[Interrupted](e)
	}
	return nil, fmt.Errorf("event %d: %w %q", e.Seq, ErrUnknown, e.Type)
}

func decode[T Body](e Event) (Body, error) {
	var body T
	d := json.NewDecoder(bytes.NewReader(e.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return nil, fmt.Errorf("event %d: %s: %w", e.Seq, e.Type, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("event %d: %s: more than one value", e.Seq, e.Type)
	}
	return body, nil
}

// encode is the inverse of decode: compact JSON, without a newline and without
// escaping that a browser would want.
func encode(body Body) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, fmt.Errorf("%s: %w", body.EventType(), err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
