package serve

import "net/http"

// listed is a model as OpenAI lists it, with what an alias stands for and which base an
// adapter belongs to.
type listed struct {
	ID      string  `json:"id"`
	Object  string  `json:"object"`
	Created int64   `json:"created"`
	OwnedBy string  `json:"owned_by"`
	Root    string  `json:"root"`
	Parent  *string `json:"parent"`
}

func (m Model) listed() listed {
	l := listed{ID: m.Name, Object: "model", Created: m.Created.Unix(), OwnedBy: "daybook", Root: m.Name}
	if m.Of != "" {
		l.Root = m.Of
	}
	if m.Adapter != nil {
		base := BaseName
		l.Parent = &base
	}
	return l
}

// BaseName is what requests call the base without an adapter.
const BaseName = "base"

func (s *Server) listModels(w http.ResponseWriter, r *http.Request, _ *entry) *Fault {
	all, err := s.o.Models.List(r.Context())
	if err != nil {
		s.o.Log("models: " + hinted(err))
		return internal()
	}
	list := make([]listed, len(all))
	for i, m := range all {
		list[i] = m.listed()
	}
	sendJSON(w, http.StatusOK, marshal(map[string]any{"object": "list", "data": list}))
	return nil
}

func (s *Server) describeModel(w http.ResponseWriter, r *http.Request, _ *entry) *Fault {
	m, f := s.find(r.Context(), r.PathValue("name"))
	if f != nil {
		return f
	}
	sendJSON(w, http.StatusOK, marshal(m.listed()))
	return nil
}
