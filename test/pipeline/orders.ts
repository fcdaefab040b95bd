// Any order and any repetition of what was said, drawn by fast-check: what folds must not mind.
import fc from 'fast-check'

/** Keys to sort by; they go round where there are more items. */
export const order = fc.array(fc.double({ noNaN: true }), { minLength: 60, maxLength: 60 })
/** Which items come once more. */
export const picks = fc.array(fc.nat(), { maxLength: 12 })

export const shuffled = <T>(items: readonly T[], keys: readonly number[]): T[] =>
  items
    .map((item, i) => ({ item, key: keys[i % keys.length] ?? 0 }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
