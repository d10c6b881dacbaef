package engine

// PlainText is the role of the one turn of a record that is text rather than a
// conversation: no template is put around it, and all of it is learnt.
const PlainText = "text"

// Turn is one message of a conversation.
type Turn struct {
	Role    string `json:"role"` // "system", "user" or "assistant", or PlainText
	Content string `json:"content"`
}
