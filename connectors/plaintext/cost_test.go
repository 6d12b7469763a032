package plaintext_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"bizbridge/connectors/plaintext"
)

// hostile are units that cost a careless parser the square of their number, or more.
var hostile = map[string]string{
	"words": "some words and ", "lines": "a\n", "empty lines": "\n", "less": "<", "greater": ">", "ampersands": "&", "entities": "&nGt;",
	"divisions": "<div>", "lists": "<ul><li>a", "numbers": "<ol start=999999999><li>a", "quotes": "<blockquote>a<br>", "ends": "</ul>",
	"links": "<a href=x>", "true links": "<a href=https://a.b>c</a>", "links with no end": "<a href=https://a.b/>c", "tables": "<table><tr><td>",
	"cells": "<td>", "full cells": "<td>a", "rows": "<tr><td>a<td>", "pre": "<pre>\n a", "tags with no end": "<a ", "attributes": "<a b c=\"d\" ",
	"quotes with no end": "<a b=\"", "comments": "<!--", "scripts": "<script>", "templates": "<template>", "titles": "</title><title>",
	"hard spaces": "\u00a0", "joiners": "\u200d", "junk": "\u200b", "invalid": "\xff", "images": "<img alt=a>", "rules": "<hr>",
	"brackets": "[", "images in Markdown": "![", "links in Markdown": "[a](", "links in angles": "[a](<b", "full links": "[a](b)", "references": "[a]: b\n",
	"emphasis": "*a_", "stars": "*", "two stars": "a**b", "three stars": "***a", "open and closed": "*a**b*", "quotes in Markdown": "> ", "bullets": "- ",
	"bullets and quotes": "> - ", "numbers in Markdown": "1) ", "items": "- a\n", "deep items": "  - a\n", "backticks": "`", "odd backticks": "`a``b", "fences": "```\n",
	"backslashes": "\\", "pipes": "|", "columns": "a|b\n-|-\n", "narrow rows": "|\n", "autolinks": "www.a.b ", "colons": "a:http://", "mail": "a@b.c ", "at": "a@", "tabs": "-\t",
	"headings": "# a\n", "raw tags": "<b>\n", "raw scripts": "<script> ", "mixed": "<b *a* [c](d) `e` | &amp; > - ",
}

// dense are the same with what makes them dense, up to n bytes.
func dense(name string, n int) string {
	head := map[string]string{
		"narrow rows": strings.Repeat("|a", 18) + "\n" + strings.Repeat("|-", 18) + "\n",
		"lines":       strings.Repeat("> ", 12) + "\n",
	}[name]
	return head + strings.Repeat(hostile[name], n/len(hostile[name]))
}

var converters = map[string]func(string) string{"HTML": plaintext.FromHTML, "Markdown": plaintext.FromMarkdown}

// Sixteen times as much may take about sixteen times as long, not 256 times. Others work on the machine, so one run of some
// is enough.
func TestCostGrowsLinearly(t *testing.T) {
	for name := range hostile {
		for language, convert := range converters {
			const n = 8 << 10
			once, all := spent(convert, dense(name, n)), time.Duration(0)
			for range 3 {
				if all = spent(convert, dense(name, 16*n)); all < 80*once || all < 500*time.Millisecond {
					break
				}
			}
			if all >= 80*once && all >= 500*time.Millisecond {
				t.Errorf("%s, %s: %v for %d bytes, %v for 16 times as many", language, name, once, n, all)
			}
		}
	}
}

func spent(convert func(string) string, text string) time.Duration {
	start := time.Now()
	convert(text)
	return time.Since(start)
}

// The worst of them, found by trying all. The benchmarks take a megabyte.
func TestBounds(t *testing.T) {
	for _, name := range []string{"links in Markdown", "emphasis", "bullets and quotes", "narrow rows", "attributes", "cells"} {
		for language, convert := range converters {
			text, start := dense(name, 256<<10), time.Now()
			got, held := peak(func() string { return convert(text) })
			took := time.Since(start)
			t.Logf("%s, %s: %v, %d MB, %d bytes", language, name, took, held>>20, len(got))
			if took > 20*time.Second || held > 100<<20 || len(got) > len(text)*plaintext.MaxGrowth {
				t.Errorf("%s, %s: %v, %d MB, %d bytes", language, name, took, held>>20, len(got))
			}
		}
	}
}

// peak is about the most memory that was in use at once, garbage with it.
func peak(convert func() string) (text string, held uint64) {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan string)
	go func() { done <- convert() }()
	for {
		select {
		case text := <-done:
			return text, held
		case <-time.After(5 * time.Millisecond):
			runtime.ReadMemStats(&now)
			held = max(held, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
		}
	}
}

const (
	replyHTML     = `<p>Hi Anna,</p><p>please see <a href="https://example.test/returns">our page</a> &amp; tell us:</p><ul><li><p>the <b>number</b></p></li><li><p>the day</p></li></ul><p>Alice</p>`
	replyMarkdown = "Hi **Anna**,\n\nplease see [our page](https://example.test/returns) & tell us:\n\n- the **number**\n- the day\n\nAlice"
)

func BenchmarkFromHTML(b *testing.B)     { benchmark(b, plaintext.FromHTML, replyHTML) }
func BenchmarkFromMarkdown(b *testing.B) { benchmark(b, plaintext.FromMarkdown, replyMarkdown) }

func BenchmarkMegabyteOfHTML(b *testing.B) {
	benchmark(b, plaintext.FromHTML, strings.Repeat(replyHTML, 1<<20/len(replyHTML)))
}

func BenchmarkMegabyteOfMarkdown(b *testing.B) {
	benchmark(b, plaintext.FromMarkdown, strings.Repeat(replyMarkdown+"\n\n", 1<<20/len(replyMarkdown)))
}

func BenchmarkMegabyteOfBrackets(b *testing.B) {
	benchmark(b, plaintext.FromMarkdown, dense("links in Markdown", 1<<20))
}

func BenchmarkMegabyteOfLinks(b *testing.B) {
	benchmark(b, plaintext.FromHTML, dense("true links", 1<<20))
}

func benchmark(b *testing.B, convert func(string) string, text string) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		convert(text)
	}
}
