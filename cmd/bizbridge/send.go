package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/config"
)

type sendCommand struct {
	configFlag
	To       string   `required:"" placeholder:"CUSTOMER" help:"The customer_id of an event (urn:mbid:…)."`
	Text     string   `xor:"text-json,text-typing,text-template" help:"Text to send."`
	File     []string `xor:"file-json,file-typing,file-template" placeholder:"FILE" help:"File to send, with --text beside it or alone; may be repeated."`
	Typing   string   `xor:"text-typing,file-typing,json-typing,template-typing" placeholder:"on|off" help:"Show or hide the typing dots: on or off."`
	Template string   `xor:"text-template,file-template,json-template,template-typing" placeholder:"NAME" help:"Template to send, one of those in the configuration of the bridge."`
	Var      []string `placeholder:"NAME=VALUE" sep:"none" help:"A variable of the template; may be repeated."`
	JSON     string   `xor:"text-json,file-json,json-typing,json-template" placeholder:"FILE" help:"Content in JSON, such as {\"kind\":\"text\",\"text\":\"Hi\"}; - reads standard input."`
	Business string   `placeholder:"ID" help:"The business that speaks; not needed where only one is configured."`
	Context  string   `help:"The newest context of the customer's events."`
	ID       string   `placeholder:"KEY" help:"Idempotency key: a repeat with the same one sends nothing twice."`
	Agent    string   `placeholder:"NAME" help:"Send as this person; without it, as a bot."`
	Key      string   `placeholder:"NAME" help:"Which of api.keys to use; default: the first."`
	URL      string   `placeholder:"URL" help:"Where the bridge is; default: server.listen on this machine, or server.public_url where the bridge ends TLS."`
}

// Help is shown by "bizbridge send --help".
func (sendCommand) Help() string {
	return `Exits with 0 when Apple accepted the message, 1 when it was refused, 2 for wrong usage.

  bizbridge send --config bizbridge.yaml --to urn:mbid:… --text "Your order is ready."
  bizbridge send --config bizbridge.yaml --to urn:mbid:… --text "Here it is:" --file invoice.pdf
  bizbridge send --config bizbridge.yaml --to urn:mbid:… --template opening-hours --var store=Berlin
  bizbridge send --config bizbridge.yaml --to urn:mbid:… --json list.json`
}

func (c sendCommand) Run(std streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	body, err := c.body(cfg, std.in)
	if err != nil {
		return usage(err)
	}
	key, err := c.apiKey(cfg)
	if err != nil {
		return usage(err)
	}
	url := strings.TrimRight(c.URL, "/")
	if url == "" {
		url = bridgeURL(cfg)
	}
	contentType, payload := "application/json", io.Reader(bytes.NewReader(body))
	if len(c.File) > 0 {
		contentType, payload = withFiles(body, c.File)
	}
	return post(std.out, url+"/v1/messages", key, contentType, payload)
}

// withFiles streams the message and the files as one form; a file that cannot be read ends the request.
func withFiles(body []byte, paths []string) (contentType string, form io.Reader) {
	reader, writer := io.Pipe()
	parts := multipart.NewWriter(writer)
	go func() {
		err := parts.WriteField("message", string(body))
		for _, path := range paths {
			if err == nil {
				err = writeFilePart(parts, path)
			}
		}
		if err == nil {
			err = parts.Close()
		}
		writer.CloseWithError(err)
	}()
	return parts.FormDataContentType(), reader
}

func writeFilePart(parts *multipart.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	part, err := parts.CreateFormFile("file", filepath.Base(path))
	if err != nil {
		return err
	}
	_, err = io.Copy(part, file)
	return err
}

func usage(err error) error { return &exitError{exitInvalid, fmt.Errorf("bizbridge send: %w", err)} }

func (c sendCommand) body(cfg *config.Config, stdin io.Reader) ([]byte, error) {
	content, err := c.content(stdin)
	if err != nil {
		return nil, err
	}
	business := c.Business
	if business == "" {
		if len(cfg.Businesses) != 1 {
			return nil, errors.New("several businesses are configured: say which with --business")
		}
		business = cfg.Businesses[0].ID
	}
	data := map[string]any{"business_id": business, "customer_id": c.To, "content": content}
	if c.Agent != "" {
		data["sender"] = message.Sender{Kind: message.SenderAgent, Name: c.Agent}
	}
	if c.Context != "" {
		data["context"] = c.Context
	}
	if c.ID != "" {
		data["id"] = c.ID
	}
	body, err := json.Marshal(map[string]any{"type": message.TypeSend, "timestamp": time.Now().UTC(), "data": data})
	if err != nil {
		return nil, err
	}
	beside := make([]message.File, len(c.File))
	for i, path := range c.File {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		beside[i] = message.File{Name: filepath.Base(path), Path: path}
	}
	if _, err := message.DecodeSend(body, beside...); err != nil {
		return nil, err
	}
	return body, nil
}

func (c sendCommand) content(stdin io.Reader) (any, error) {
	switch {
	case len(c.File) > 0:
		return message.Files{Text: c.Text}, nil
	case c.Text != "":
		return message.Text{Text: c.Text}, nil
	case c.Typing != "":
		return message.Typing{State: message.TypingState(c.Typing)}, nil
	case c.Template != "":
		return c.template()
	case c.JSON == "":
		return nil, errors.New("say what to send with --text, --file, --template, --typing or --json")
	}
	var raw []byte
	var err error
	if c.JSON == "-" {
		raw, err = io.ReadAll(stdin)
	} else {
		raw, err = os.ReadFile(c.JSON)
	}
	if err != nil {
		return nil, err
	}
	if !json.Valid(raw) {
		return nil, errors.New("--json is not JSON")
	}
	return json.RawMessage(raw), nil
}

func (c sendCommand) template() (message.Content, error) {
	vars := make(map[string]any, len(c.Var))
	for _, pair := range c.Var {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("--var %s: write NAME=VALUE", pair)
		}
		vars[name] = value
	}
	return message.Template{Name: c.Template, Vars: vars}, nil
}

func (c sendCommand) apiKey(cfg *config.Config) (config.Secret, error) {
	for _, key := range cfg.API.Keys {
		if c.Key == "" || c.Key == key.Name {
			return key.Token, nil
		}
	}
	if c.Key != "" {
		return "", fmt.Errorf("api.keys has no key named %q", c.Key)
	}
	return "", errors.New("the configuration has no api.keys: add one, so that programs may send")
}

// bridgeURL finds the bridge that runs with this configuration.
func bridgeURL(cfg *config.Config) string {
	public := cfg.PublicURL()
	host, port, err := net.SplitHostPort(cfg.Server.Listen)
	if err != nil || cfg.Server.TLS.Cert != "" {
		return strings.TrimRight(public.String(), "/")
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + strings.TrimRight(public.Path, "/")
}

const sendTimeout = 75 * time.Second // above the longest delivery.timeout

func post(out io.Writer, url string, token config.Secret, contentType string, body io.Reader) error {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return usage(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("bizbridge send: the bridge does not answer: %w. Is it running? Say where with --url", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("bizbridge send: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("bizbridge send: not sent (%s)\n%s", resp.Status, bytes.TrimSpace(answer))
	}
	_, err = out.Write(answer)
	return err
}
