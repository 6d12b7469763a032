package bridge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"bizbridge/bridge/flow"
	"bizbridge/bridge/message"
	"bizbridge/bridge/picture"
	"bizbridge/config"
	"bizbridge/mapping/templates"
)

// linksPeer is the name of what links in texts lead to, in the metrics.
const linksPeer = "links"

// readRichLinks makes ready what the businesses want of links.
func readRichLinks(cfg *config.Config) (map[message.BusinessID]flow.RichLinks, error) {
	rules := make(map[message.BusinessID]flow.RichLinks, len(cfg.Businesses))
	for i, business := range cfg.Businesses {
		rule := flow.RichLinks{Enabled: business.RichLinks.Enabled, OpenGraph: business.RichLinks.OpenGraph}
		if name := business.RichLinks.DefaultImage; name != "" {
			data, err := os.ReadFile(cfg.Path(name))
			if err == nil {
				rule.DefaultImage, err = picture.PNG(context.Background(), data, picture.MaxApple)
			}
			if err != nil {
				return nil, fmt.Errorf("businesses[%d].rich_links.default_image: %s: %w", i, name, err)
			}
		}
		rules[message.BusinessID(business.ID)] = rule
	}
	return rules, nil
}

// loadTemplates reads the templates; nil for none. What is doubtful about them is kept for [Check].
func (s *site) loadTemplates() (flow.Templates, error) {
	if len(s.config.Templates) == 0 {
		return nil, nil
	}
	set, problems := templates.Load(s.config.Templates, s.config.Dir, templates.WithPictures(preparePicture))
	texts := make([]string, len(problems))
	for i, problem := range problems {
		texts[i] = problem.String()
	}
	if set == nil {
		return nil, errors.New(strings.Join(texts, "\n"))
	}
	s.templates, s.doubts = len(set.Names()), texts
	return templateSet{set}, nil
}

// preparePicture makes a template's picture as small as it will be sent.
func preparePicture(data []byte, icon bool) ([]byte, error) {
	limit := picture.MaxApple
	if icon {
		limit = picture.MaxIcon
	}
	png, err := picture.PNG(context.Background(), data, limit)
	if refused, ok := errors.AsType[*picture.Refused](err); ok {
		return nil, errors.New(refused.Reason) // what the decoder says is for nobody who writes templates
	}
	return png, err
}

// templateSet is the templates as the flow uses them.
type templateSet struct{ *templates.Set }

// Line implements [flow.Templates]. What is wrong with a line is told in words for the agent who wrote it.
func (t templateSet) Line(text, locale string) (content message.Content, help string, is bool, failure *message.Failure) {
	line, is, err := templates.ParseLine(text)
	switch {
	case !is:
		return nil, "", false, nil
	case err != nil:
		return nil, "", true, t.refusal(line, err, message.CodeInvalid)
	case line.Name == "help":
		return nil, t.Help(strings.Join(line.Words, "")), true, nil
	}
	if content, failure = t.Expand(line.Template(), locale); failure != nil {
		return nil, "", true, t.refusal(line, failure, failure.SenderCode())
	}
	return content, "", true, nil
}

func (t templateSet) refusal(line templates.Line, err error, code message.Code) *message.Failure {
	return &message.Failure{Class: message.Invalid, Code: code, Reason: t.Explain(line, err), Faults: []message.Fault{{
		Pointer: "/data/content/text", Rule: "template", Message: err.Error(),
	}}}
}

// Unescape implements [flow.Templates].
func (templateSet) Unescape(text string) string { return templates.Unescape(text) }
