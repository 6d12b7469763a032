// JSON with positions: where each value stands in the text, and where the text stops being JSON.

const literals = { true: true, false: false, null: null };
const escapes = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

// parse gives {value, spans}, the spans by JSON pointer as [from, to], or {error: {message, at, line, column}}.
export function parse(text) {
  const spans = new Map();
  let at = 0;

  const fail = (message, where = at) => { throw Object.assign(new Error(message), { at: Math.min(where, text.length) }); };
  const space = () => { while (" \t\r\n".includes(text[at] || "x")) at++; };
  const seen = () => (at < text.length ? `“${String.fromCodePoint(text.codePointAt(at))}”` : "the end");

  function value(pointer, depth) {
    if (depth > 200) fail("This is nested too deeply");
    space();
    const from = at;
    const c = text[at];
    let result;
    if (c === "{") result = object(pointer, depth);
    else if (c === "[") result = array(pointer, depth);
    else if (c === '"') result = string();
    else result = word();
    spans.set(pointer, [from, at]);
    return result;
  }

  function word() {
    const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    number.lastIndex = at;
    const found = number.exec(text);
    if (found) {
      at += found[0].length;
      if (/[\w.]/.test(text[at] || "")) fail("A number cannot be written like this");
      return Number(found[0]);
    }
    const name = /[A-Za-z_]\w*/y;
    name.lastIndex = at;
    const literal = name.exec(text)?.[0];
    if (literal && Object.hasOwn(literals, literal)) {
      at += literal.length;
      return literals[literal];
    }
    if (text[at] === "'") fail("Strings have double quotes");
    return fail(literal ? `“${literal}” is no value: does it lack quotes?` : `A value is missing here, instead there is ${seen()}`);
  }

  function string() {
    const from = at++;
    let out = "";
    for (;;) {
      if (at >= text.length) fail("This string is not closed", from);
      const c = text[at];
      if (c === '"') break;
      if (c < " ") fail(c === "\n" ? "A string cannot go on in the next line: write \\n" : "A control character must be written as \\u…", c === "\n" ? from : at);
      if (c !== "\\") {
        out += c;
        at++;
        continue;
      }
      const next = text[at + 1];
      const hex = /^[0-9a-fA-F]{4}$/.test(text.slice(at + 2, at + 6));
      if (next === "u" && hex) {
        out += String.fromCharCode(parseInt(text.slice(at + 2, at + 6), 16));
        at += 6;
      } else if (next !== undefined && Object.hasOwn(escapes, next)) {
        out += escapes[next];
        at += 2;
      } else fail("There is no such escape");
    }
    at++;
    return out;
  }

  function object(pointer, depth) {
    const result = {};
    at++;
    space();
    if (text[at] === "}") {
      at++;
      return result;
    }
    for (;;) {
      space();
      if (text[at] !== '"') fail(text[at] === "}" ? "A comma too many" : `A name in double quotes is missing here, instead there is ${seen()}`);
      const name = string();
      space();
      if (text[at] !== ":") fail(`A colon is missing after "${name}"`);
      at++;
      const member = value(`${pointer}/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`, depth + 1);
      Object.defineProperty(result, name, { value: member, enumerable: true, configurable: true, writable: true }); // "__proto__" is a name like others
      if (!more("}")) return result;
    }
  }

  function array(pointer, depth) {
    const result = [];
    at++;
    space();
    if (text[at] === "]") {
      at++;
      return result;
    }
    for (;;) {
      space();
      if (text[at] === "]") fail("A comma too many");
      result.push(value(`${pointer}/${result.length}`, depth + 1));
      if (!more("]")) return result;
    }
  }

  // more reads what follows a member: a comma, or the end.
  function more(end) {
    space();
    const c = text[at];
    if (c !== "," && c !== end) fail(`A comma or ${end} is missing here, instead there is ${seen()}`);
    at++;
    return c === ",";
  }

  try {
    const result = value("", 0);
    space();
    if (at < text.length) fail(`The text goes on after its end, with ${seen()}`);
    return { value: result, spans };
  } catch (error) {
    if (error.at === undefined) throw error;
    return { error: { message: error.message, ...placeOf(text, error.at) } };
  }
}

// placeOf is the line and the column of a position, both from 1.
export function placeOf(text, at) {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return { at, line, column: at - before.lastIndexOf("\n") };
}

// spanOf is where a pointer leads, or where the nearest value around it stands.
export function spanOf(spans, pointer) {
  for (let p = pointer; ; p = p.slice(0, p.lastIndexOf("/"))) {
    if (spans.has(p)) return spans.get(p);
    if (!p.includes("/")) return spans.get("");
  }
}
