// JSON pointers (RFC 6901): parsed once, then followed in documents that came from outside. Own
// properties only, so that no name leads into a prototype. Pure.

/** Reference tokens, unescaped (RFC 6901, section 3). */
export type Pointer = readonly string[]

/** undefined where the text is no pointer. */
export const parsePointer = (text: string): Pointer | undefined => {
  if (text === '') return []
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The value that it points at, or undefined where the document has none (section 4). */
export const follow = (document: unknown, pointer: Pointer): unknown => {
  let value = document
  for (const token of pointer) {
    if (typeof value !== 'object' || value === null) return undefined
    // An array has no member "length" and no "-" that is there; an index has no leading zero.
    if (Array.isArray(value) && !/^(0|[1-9][0-9]{0,15})$/.test(token)) return undefined
    if (!Object.hasOwn(value, token)) return undefined
    value = (value as Record<string, unknown>)[token]
  }
  return value
}
