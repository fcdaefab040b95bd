// Hours left, in words: what has no end in sight is said once, and never as the end of a range.
import { expect, test } from 'vitest'
import { leftText } from '../../gateway/cli/life.ts'
import { rangeOf } from '../../gateway/web/page/wear.ts'

test.each([
  [{ lower: 59, median: 5470, upper: 13470 }, /^about 5,?470 h[;,] 59 h to 13,?470 h$/],
  [{ lower: 59, median: 5470, upper: null }, /^about 5,?470 h[;,] 59 h at the least$/],
  [{ lower: 59, median: null, upper: null }, /^no end in sight[;,] 59 h at the least$/],
  [{ lower: null, median: null, upper: null }, /^no end in sight$/],
])('%j', (left, words) => {
  expect(rangeOf(left)).toMatch(words)
  expect(leftText(left)).toMatch(words)
})
