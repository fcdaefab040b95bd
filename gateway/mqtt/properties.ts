// User properties of MQTT 5 as what they are here: a few names with a text each. Bounded, since
// they are kept with their message. It gives no name a meaning; those that have one are the
// pipeline's.
import type { Properties } from '../core/record.ts'

/** Names of a message that are kept, and bytes of them and their texts together. */
export const propertiesMax = { names: 16, bytes: 1024 } as const

/**
 * The first ones that fit; of a name that comes more than once its first text. undefined where
 * there are none.
 */
export const propertiesOf = (
  given: Readonly<Record<string, string | string[]>> | undefined,
): Properties | undefined => {
  const kept: [string, string][] = []
  let bytes = 0
  for (const [name, texts] of Object.entries(given ?? {})) {
    const text = (Array.isArray(texts) ? texts[0] : texts) ?? ''
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text)
    if (kept.length === propertiesMax.names || bytes > propertiesMax.bytes) break
    kept.push([name, text])
  }
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}
