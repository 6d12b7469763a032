// Package plaintext turns what agents write in helpdesks, HTML or Markdown, into the plain text that Messages shows.
//
// What the author meant stays: lines and paragraphs, lists, quotes ("> "), the cells of tables (" | "), addresses of links,
// the words for images. What only a browser wants goes: styles, scripts, comments, emphasis, and characters that nobody
// sees. There are never more than two line ends in a row, no spaces before one, and nothing but valid UTF-8.
//
// Both functions take any input. They need time and memory in proportion to its length, and give at most [MaxGrowth]
// times as many bytes, plus a few.
package plaintext

// MaxGrowth bounds what is given for each byte of input: for one invalid byte on each line in the deepest quote.
const MaxGrowth = 12
