package runner

import (
	"strings"
	"testing"

	"daybook/sweeps"
)

func TestScrub(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	t.Setenv("SOME_API_KEY", "canary-of-environment")
	t.Setenv("SOME_COLOUR", "a colour that is no secret")
	p := &planner{sweep: &sweeps.Sweep{Args: []sweeps.Arg{{Name: "x", Value: "canary-given", Environment: true}, {Name: "y", Value: "written down"}}}}
	p.Key = make([]byte, 32)
	s := p.scrubber()
	for _, c := range []struct{ text, secret, why string }{
		{"x = 'canary-given'", "canary-given", "it holds a secret"},
		{"x = 'written down'", "", ""},
		{"canary-of-environment", "canary-of-environment", "it holds a secret"},
		{"a colour that is no secret", "", ""},
		{"open('/home/somebody/notes')", "/home/somebody", "it names a home folder"},
		{"-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----\nafter", "canary", "it holds a secret"},
		{"-----BEGIN PRIVATE KEY-----\ncanary", "canary", "it holds a secret"},
		{"id AKIA" + "ABCDEFGHIJKLMNOP.", "ABCDEFGHIJKLMNOP", "it holds a secret"},
		{"hf_" + strings.Repeat("aB3", 12), strings.Repeat("aB3", 12), "it holds a secret"},
		{"https://somebody:canary@example.org/", "canary", "it holds a secret"},
		{"Authorization: Bearer canary0123456789", "canary0123456789", "it holds a secret"},
		{`password = "canary 123"`, "", ""}, // no form of a password that is told from prose
		{`db_password: 'canary123'`, "canary123", "it holds a secret"},
		{"database:\n  password: hunter2yaml99\n", "hunter2yaml99", "it holds a secret"},
		{"[db]\npassword = hunter2ini99", "hunter2ini99", "it holds a secret"},
		{"// with password=hunter2secret, once", "hunter2secret", "it holds a secret"},
		{"password = os.environ['PASSWORD_2']", "", ""},
		{"secret: read_from(vault1)", "", ""},
		{"the password: whatever you were told", "", ""},
		{`pad_token: '<|endoftext|>'`, "", ""},
		{"max_new_tokens: 256, target_modules: ['q_proj']", "", ""},
		{"https://example.org:8080/a@b", "", ""},
	} {
		clean, why := s.scrub([]byte(c.text))
		if why != c.why || c.secret == "" && string(clean) != c.text || c.secret != "" && strings.Contains(string(clean), c.secret) {
			t.Errorf("%q becomes %q, because %q", c.text, clean, why)
		}
	}
}
