// The two ways to name a node in the settings: a node id in OPC UA's own text form (OPC 10000-6,
// 5.3.1.10), with its namespace by URI, or a browse path from the Objects folder. Pure; what does
// not parse is said with the place that is wrong.

export type Address =
  | { kind: 'id'; uri: string | undefined; index: number | undefined; id: string }
  | { kind: 'path'; steps: { uri: string; name: string }[] }

/** Longest path: a deeper one is a mistake, and each step costs the server a look-up. */
export const stepsMax = 32

/**
 * Parses an address; a text that starts with `/` is a path. Throws a RangeError with the reason.
 */
export const parseAddress = (text: string, namespace: string): Address =>
  text.startsWith('/') ? parsePath(text, namespace) : parseId(text, namespace)

const parseId = (text: string, namespace: string): Address => {
  const match = /^(?:(?:nsu=([^;]+)|ns=(\d{1,5}));)?([isgb]=.+)$/s.exec(text)
  const id = match?.[3]
  if (match === null || id === undefined) {
    throw new RangeError(`"${text}" is neither nsu=<uri>;s=<name> nor a path that starts with /`)
  }
  if (id.startsWith('i=') && !(/^i=\d{1,10}$/.test(id) && Number(id.slice(2)) < 2 ** 32)) {
    throw new RangeError(`"${text}": i= is followed by a whole number below 2^32`)
  }
  if (id.startsWith('g=') && !/^g=[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(id)) {
    throw new RangeError(`"${text}": g= is followed by a GUID`)
  }
  const index = match[2] === undefined ? undefined : Number(match[2])
  if (index !== undefined && index > 65_535) throw new RangeError(`"${text}": ns= is at most 65535`)
  const uri = match[1] === undefined ? undefined : decode(match[1])
  if (uri !== undefined || index !== undefined) return { kind: 'id', uri, index, id }
  return { kind: 'id', uri: namespace === '' ? undefined : namespace, index: undefined, id }
}

/** `%3B` and `%25` stand for the characters that would end a URI (OPC 10000-6, 5.3.1.11). */
const decode = (uri: string): string => uri.replaceAll('%3B', ';').replaceAll('%25', '%')

/**
 * Steps are parted by `/`; `{uri}Name` has another namespace than the unit's, `{}Name` OPC UA's.
 */
const parsePath = (text: string, namespace: string): Address => {
  const steps: { uri: string; name: string }[] = []
  const step = /\/(?:\{([^}]*)\})?([^/{}]+)/y
  let place = 0
  while (place < text.length) {
    step.lastIndex = place
    const match = step.exec(text)
    const name = match?.[2]
    if (match === null || name === undefined || steps.length >= stepsMax) {
      throw new RangeError(`"${text}": not a browse path from place ${place} on`)
    }
    steps.push({ uri: match[1] ?? namespace, name })
    place = step.lastIndex
  }
  return { kind: 'path', steps }
}
