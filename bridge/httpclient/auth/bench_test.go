package auth

import (
	"net/http"
	"testing"
)

// What every call costs while its token is good.
func BenchmarkPrepare(b *testing.B) {
	for name, settings := range map[string]func(b *testing.B) []Settings{
		"bearer": func(*testing.B) []Settings { return []Settings{{Kind: kindBearer, Token: "x"}} },
		"client": func(b *testing.B) []Settings { return []Settings{client(serve(b, numbered("3600")...))} },
		"asapp": func(b *testing.B) []Settings {
			return []Settings{
				client(serve(b, numbered("3600")...)), login(serve(b, perUser)), {Kind: kindAPIKey, Key: "x", Header: "api-key"},
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, serve(b, ok), Deps{}, settings(b)...)
			ctx := WithCustomer(b.Context(), map[string]string{"id": "ada"})
			attempt, err := http.NewRequest(http.MethodPost, r.api.URL, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Session().Prepare(ctx, attempt, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The path that most calls take makes one thing, its Session.
func TestACachedTokenCostsOneAllocation(t *testing.T) {
	r := newRig(t, serve(t, ok), Deps{}, client(serve(t, numbered("3600")...)))
	attempt, err := http.NewRequest(http.MethodPost, r.api.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	prepare := func() {
		if err := r.Session().Prepare(t.Context(), attempt, nil); err != nil {
			t.Fatal(err)
		}
	}
	prepare()
	if n := testing.AllocsPerRun(100, prepare); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
