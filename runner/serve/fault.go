package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Fault is an error as OpenAI's clients read it.
type Fault struct {
	Status     int           `json:"-"` // of HTTP
	RetryAfter time.Duration `json:"-"` // 0: says nothing of trying again

	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"` // field of the request that it is about
	Code    *string `json:"code"`
}

func (f *Fault) Error() string { return f.Message }

// Types of faults.
const (
	typeInvalid = "invalid_request_error"
	typeServer  = "server_error"
)

// invalid is a fault of a field of the request.
func invalid(param, format string, args ...any) *Fault {
	return &Fault{Status: http.StatusBadRequest, Message: param + ": " + fmt.Sprintf(format, args...), Type: typeInvalid, Param: &param}
}

// fault is one that is about the request as a whole, or no fault of the request's.
func fault(status int, kind, code, format string, args ...any) *Fault {
	return &Fault{Status: status, Message: fmt.Sprintf(format, args...), Type: kind, Code: &code}
}

// body is the fault as it is sent.
func (f *Fault) body() []byte {
	data, err := json.Marshal(map[string]*Fault{"error": f})
	if err != nil {
		panic("serve: " + err.Error()) // texts always marshal
	}
	return data
}

// send answers with the fault.
func (f *Fault) send(w http.ResponseWriter) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(max(1, f.RetryAfter.Seconds()))))
	}
	sendJSON(w, f.Status, f.body())
}

func sendJSON(w http.ResponseWriter, status int, data []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // to whom it may still concern
}
