// Divides whole shares by weights and loses none: the largest remainder method. Integers only, so
// that every reader, and a contract later, gets the same shares. It must not know whom it pays.
import assert from 'node:assert/strict'

/**
 * Splits `total` in proportion to `weights`; the parts add up to `total` exactly and each is less
 * than one share away from its exact quota. Left-over shares go to the largest remainders, equal
 * ones in list order.
 * @param total whole shares, at least 0
 * @param weights at least one, none negative, not all 0
 */
export const splitWhole = (total: bigint, weights: readonly bigint[]): bigint[] => {
  const sum = weights.reduce((a, b) => a + b, 0n)
  assert(total >= 0n && sum > 0n && weights.every((weight) => weight >= 0n))
  const parts = weights.map((weight) => (total * weight) / sum)
  const left = total - parts.reduce((a, b) => a + b, 0n)
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (total * weight) % sum }))
    .sort((a, b) => compare(b.remainder, a.remainder) || a.index - b.index)
  for (const { index } of byRemainder.slice(0, Number(left)))
    parts[index] = (parts[index] ?? 0n) + 1n
  return parts
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)
