// Reads JSON that a person wrote: the value, and the line and column of every part of it by its
// JSON pointer, so that a mistake can be shown where it stands. What is no JSON is said in words
// for who forgot a comma. It knows no schema, and reads no file.

/** A place in a text, line and column from 1. */
export interface TextPlace {
  line: number
  column: number
}

/** `pointer` by RFC 6901; of what is missing, the nearest part around it. */
export type PlaceOf = (pointer: string) => TextPlace

export type ReadJson =
  | { ok: true; value: unknown; placeOf: PlaceOf }
  | { ok: false; place: TextPlace; message: string }

/** RFC 8259, and no name twice in one object: JSON.parse would keep the last without a word. */
export const readJson = (text: string): ReadJson => {
  const scanner = new Scanner(text)
  try {
    scanner.document()
    const value: unknown = JSON.parse(text)
    return { ok: true, value, placeOf: (pointer) => placeAt(text, scanner.offsetOf(pointer)) }
  } catch (error) {
    if (error instanceof Wrong) {
      return { ok: false, place: placeAt(text, error.at), message: error.message }
    }
    return { ok: false, place: { line: 1, column: 1 }, message: (error as Error).message }
  }
}

const placeAt = (text: string, offset: number): TextPlace => {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

class Wrong extends Error {
  readonly at: number
  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

const numberForm = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
/** Of signs that may not stand in a text only ends of lines are seen: JSON.parse finds the rest. */
const stringForm = /"([^"\\\n\r]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
/** Deeper than any file of ours, and no danger to the stack. */
const deepest = 64

class Scanner {
  readonly #text: string
  /** Where each part begins: a member with its name, an element with its value. */
  readonly #offsets = new Map<string, number>()
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  offsetOf(pointer: string): number {
    for (let name = pointer; ; name = name.slice(0, name.lastIndexOf('/'))) {
      const found = this.#offsets.get(name)
      if (found !== undefined || name === '') return found ?? 0
    }
  }

  document(): void {
    this.#space()
    this.#offsets.set('', this.#at)
    this.#value('')
    this.#space()
    if (this.#at < this.#text.length) {
      throw new Wrong(this.#at, `the file should end here, but ${this.#found()} follows`)
    }
  }

  #value(pointer: string): void {
    if (pointer.split('/').length > deepest) throw new Wrong(this.#at, 'is nested too deeply')
    const char = this.#text[this.#at]
    if (char === '{') this.#object(pointer)
    else if (char === '[') this.#array(pointer)
    else if (char === '"') this.#string()
    else if (!this.#skip(numberForm) && !this.#skip(/true|false|null/y)) {
      throw new Wrong(this.#at, `a value should stand here, found ${this.#found()}`)
    }
  }

  #object(pointer: string): void {
    this.#at += 1
    for (let first = true; !this.#ends('}', first); first = false) {
      const begin = this.#at
      if (this.#text[begin] !== '"') {
        const what = `a name in double quotes should stand here, found ${this.#found()}`
        throw new Wrong(begin, what)
      }
      const name = `${pointer}/${escaped(this.#string())}`
      if (this.#offsets.has(name)) throw new Wrong(begin, 'this name is there twice')
      this.#offsets.set(name, begin)
      this.#space()
      if (this.#text[this.#at] !== ':') {
        throw new Wrong(this.#at, `a ":" should stand before this, found ${this.#found()}`)
      }
      this.#at += 1
      this.#space()
      this.#value(name)
    }
  }

  #array(pointer: string): void {
    this.#at += 1
    for (let i = 0; !this.#ends(']', i === 0); i += 1) {
      this.#offsets.set(`${pointer}/${i}`, this.#at)
      this.#value(`${pointer}/${i}`)
    }
  }

  /** Takes the bracket, or else the comma before what follows. */
  #ends(bracket: '}' | ']', first: boolean): boolean {
    this.#space()
    const char = this.#text[this.#at]
    if (char === bracket) {
      this.#at += 1
      return true
    }
    if (first) return false
    if (char !== ',') {
      throw new Wrong(
        this.#at,
        `a "," or "${bracket}" should stand before this, found ${this.#found()}`,
      )
    }
    const comma = this.#at
    this.#at += 1
    this.#space()
    if (this.#text[this.#at] === bracket) {
      throw new Wrong(comma, `this "," is one too many: nothing follows before the "${bracket}"`)
    }
    return false
  }

  #string(): string {
    const begin = this.#at
    if (!this.#skip(stringForm)) {
      const what = 'this text has no closing quote on its line, or an unknown sign after a "\\"'
      throw new Wrong(begin, what)
    }
    return JSON.parse(this.#text.slice(begin, this.#at)) as string
  }

  #skip(form: RegExp): boolean {
    form.lastIndex = this.#at
    const found = form.exec(this.#text)
    if (found !== null) this.#at += found[0].length
    return found !== null
  }

  #space(): void {
    this.#skip(/[ \t\r\n]*/y)
    if (/^\/[/*]/.test(this.#text.slice(this.#at, this.#at + 2))) {
      throw new Wrong(this.#at, 'JSON has no comments: take it out, or use a "description"')
    }
  }

  #found(): string {
    const rest = this.#text.slice(this.#at)
    if (rest === '') return 'the end of the file'
    const word = /^([\w.$+-]+|"[^"\n]{0,20}"?|.)/su.exec(rest)?.[0] ?? ''
    return word.startsWith('"') ? word : `"${word.slice(0, 20)}"`
  }
}
