// How far the store is, asked before the log is opened.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { storedCursor } from '../../gateway/sinks/store/cursor.ts'
import { hello, report } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

test('the cursor is 0 where there is no store', () => {
  expect(storedCursor(join(import.meta.dirname, 'no-store-here'))).toBe(0)
})

test('the cursor is that of the last commit, with the store open or closed', async () => {
  const made = new StoreFolder()
  try {
    const folder = join(made.folder, 'store')
    expect(storedCursor(folder)).toBe(0)
    await made.feed([hello(), report({ boot: 1, seq: 0, t: 7, v: { torque: 1 } })])
    expect(storedCursor(folder)).toBe(2)
    made.store.close()
    expect(storedCursor(folder)).toBe(2)
  } finally {
    made.remove()
  }
})
