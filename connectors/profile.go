package connectors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/mapping"
)

// ProfileOperation is the name of a look-up's calls in the metrics.
const ProfileOperation = "profile"

// The variables that the bridge itself gives to the mapping of a look-up.
const (
	varBase      = "base"
	varFirstSeen = "first_seen"
)

// Profile is a look-up of customers in an API of the operator's own, for the settings of a connector: what it finds goes
// to the helpdesk with the customer's messages.
type Profile struct {
	// A mapping file whose rules give a profile, relative to the configuration.
	Mapping string `json:"mapping" jsonschema:"required,example=profile.mapping.yaml"`
	// What the addresses of the API begin with: $vars.base in the mapping. Credentials go to its scheme, host and port.
	URL string `json:"url" jsonschema:"required,format=uri,example=https://api.example.com/account"`
	// Further values of $vars in the mapping.
	Vars map[string]config.Secret `json:"vars,omitempty"`
	// What proves to the API who calls: up to four entries, and every call carries all of them. The fields of
	// customer_token may be {customer_id}, {business_id}, {locale}, {intent}, {group}, and {subject} of a confirmed sign-in.
	Auth []auth.Settings `json:"auth,omitempty" jsonschema:"maxItems=4"`
}

// profileValues are what customer_token may ask for.
var profileValues = []string{"customer_id", "business_id", "locale", "intent", "group", "subject"}

// Validate checks what the schema cannot say.
func (p *Profile) Validate(report func(path, message, hint string)) {
	if !p.set() {
		return
	}
	if fault := URLFault(p.URL); fault != "" {
		report("profile.url", fault, "Write what the API's addresses begin with, such as https://api.example.com/account.")
	} else if strings.Contains(p.URL, "?") {
		report("profile.url", "has a query (?…), behind which no path can stand", "Write the query into the mapping.")
	}
	for _, name := range []string{varBase, varFirstSeen} {
		if _, given := p.Vars[name]; given {
			report("profile.vars."+name, "is given by the bridge", "Remove it: base is url, and first_seen depends on the message.")
		}
	}
	auth.Validate("profile.auth", p.Auth, report)
	for i := range p.Auth {
		path := fmt.Sprintf("profile.auth[%d]", i)
		if p.Auth[i].Granted() {
			report(path+".kind", "cannot be granted for a look-up", "Use a kind without an operator, such as oauth2_client_credentials.")
		}
		for _, name := range p.Auth[i].CustomerValues() {
			if !slices.Contains(profileValues, name) {
				report(path+".fields", fmt.Sprintf("ask for {%s}, which a look-up does not know", name), "There are {"+strings.Join(profileValues, "}, {")+"}.")
			}
		}
	}
}

// set tells whether there is one: the schema wants both.
func (p *Profile) set() bool { return p.Mapping != "" || p.URL != "" }

// ProfileSettings is the look-up that these settings ask for; nil for none.
func (f Factory) ProfileSettings(settings any) *Profile {
	if f.Profile == nil {
		return nil
	}
	if profile := f.Profile(settings); profile != nil && profile.set() {
		return profile
	}
	return nil
}

// Authorizer makes what authenticates the calls of a look-up; nil where the settings ask for nothing. Close it.
func (p *Profile) Authorizer(deps auth.Deps) (*auth.Authorizer, error) {
	if len(p.Auth) == 0 {
		return nil, nil
	}
	deps.Origins = []string{p.URL}
	return auth.New(p.Auth, deps)
}

// LoadMapping reads a mapping file that lies in a folder. The error has a line for every problem.
func LoadMapping(dir, path string) (*mapping.Mapping, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	loaded, problems, err := mapping.Load(path)
	if err != nil || len(problems) == 0 {
		return loaded, err
	}
	texts := make([]string, len(problems))
	for i, problem := range problems {
		texts[i] = problem.String()
	}
	return nil, errors.New(strings.Join(texts, "\n"))
}

// LookUp asks the API.
type LookUp struct {
	name    string
	http    *httpclient.Client
	mapping *mapping.Mapping
	vars    mapping.Vars
}

// NewLookUp makes one of validated settings. The client of the environment is its own, not that of the connector: its
// credentials are others. The error names the setting.
func NewLookUp(env Environment, settings *Profile) (*LookUp, error) {
	loaded, err := LoadMapping(env.Dir, settings.Mapping)
	if err != nil {
		return nil, fmt.Errorf("profile.mapping: %w", err)
	}
	if fault := loaded.LookUpFault(); fault != "" {
		return nil, errors.New("profile.mapping: " + fault)
	}
	vars, err := settings.bind(loaded)
	if err != nil {
		return nil, fmt.Errorf("profile.vars: %w", err)
	}
	return &LookUp{name: env.Name, http: env.HTTP, mapping: loaded, vars: vars}, nil
}

func (p *Profile) bind(m *mapping.Mapping) (mapping.Vars, error) {
	names, _ := m.Variables()
	vars := map[string]any{varBase: p.URL, varFirstSeen: false}
	for _, name := range slices.Sorted(maps.Keys(p.Vars)) {
		if !slices.Contains(names, name) {
			return mapping.Vars{}, fmt.Errorf("the mapping has no variable %q; it has: %s", name, cmp.Or(strings.Join(names, ", "), "none"))
		}
		vars[name] = p.Vars[name].Reveal()
	}
	return m.Bind(vars)
}

// Profile asks who the customer of an event is. nil without a failure: there is nothing to tell.
func (l *LookUp) Profile(ctx context.Context, event message.Event, firstSeen bool) (map[string]any, *message.Failure) {
	ctx = auth.WithCustomer(ctx, customerValues(event))
	result, err := l.mapping.Deliver(ctx, event, l.vars.With(varFirstSeen, firstSeen), &lookUpCaller{LookUp: l})
	if err != nil {
		return nil, message.FailureOf(err)
	}
	return result.Profile, nil
}

// customerValues is what is known of a customer. A subject counts only with Apple's word that it is this customer: the
// token of somebody else must not be got for them.
func customerValues(event message.Event) map[string]string {
	data := event.Data
	values := map[string]string{
		"customer_id": string(data.CustomerID), "business_id": string(data.BusinessID),
		"locale": data.Locale, "intent": data.Intent, "group": data.Group,
	}
	if signIn := data.SignIn; signIn != nil && signIn.Confirmed && signIn.Identity != nil {
		values["subject"] = signIn.Identity.Subject
	}
	return values
}

// SelfTest runs the mapping's own tests.
func (l *LookUp) SelfTest(ctx context.Context) (run int, failed, warnings []string) {
	return SelfTestMapping(ctx, "connectors."+l.name+".profile.mapping", l.mapping)
}

// SelfTestMapping is what a [SelfTester] says of a mapping that stands under a path of the configuration.
func SelfTestMapping(ctx context.Context, path string, m *mapping.Mapping) (run int, failed, warnings []string) {
	results := m.Test(ctx)
	for _, result := range results {
		if !result.OK {
			failed = append(failed, fmt.Sprintf("%s: the test %q fails: %s", path, result.Name, result.Diff))
		}
	}
	for _, warning := range m.Warnings() {
		warnings = append(warnings, warning.String())
	}
	return len(results), failed, warnings
}

// lookUpCaller makes the calls of one look-up.
type lookUpCaller struct {
	*LookUp
	last *httpclient.Response
}

// Do implements [mapping.Doer].
func (c *lookUpCaller) Do(ctx context.Context, request mapping.Request) (mapping.Answer, error) {
	retry := httpclient.RetryUnsent
	if request.Idempotent {
		retry = httpclient.RetryIdempotent
	} else {
		HideKey(request.Header)
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "bizbridge")
	}
	resp, err := c.http.Do(ctx, httpclient.Call{
		Operation: ProfileOperation, Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body, Retry: retry,
	})
	if err != nil {
		return mapping.Answer{}, err
	}
	c.last = resp
	return mapping.Answer{Status: resp.Status, Header: resp.Header, Body: resp.Body}, nil
}

// Refused implements [mapping.Doer].
func (c *lookUpCaller) Refused(mapping.Request, mapping.Answer) error {
	return StatusFailure("the API of "+c.name+"'s profiles", c.last)
}

// HideKey writes the name of the key in lower case, which is the same to the helpdesk. Under its usual name net/http
// would make the request again by itself when a connection that was in use before breaks.
func HideKey(header http.Header) {
	for _, name := range []string{mapping.IdempotencyHeader, "X-" + mapping.IdempotencyHeader} {
		if values, ok := header[name]; ok {
			delete(header, name)
			header[strings.ToLower(name)] = values
		}
	}
}
